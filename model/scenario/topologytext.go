package scenario

import (
	"slices"
	"strconv"
	"strings"
)

// The text of addresses, routes and routers.

var familyWords = map[string]Family{"4": IPv4, "6": IPv6, "46": DualStack}

var (
	reversePathWords = []string{"", "strict", "loose"}
	fateWords        = []string{"", "tentative", "duplicate", "deprecated"}
	routeKindWords   = []string{"", "unreachable", "prohibit", "blackhole"}
	bindWords        = []string{"", "0.0.0.0", "::", "v6only"}
)

// wordAt is the word of a value, "?" of one that has none.
func wordAt[T ~uint8](words []string, v T) string {
	if int(v) < len(words) {
		return words[v]
	}
	return "?"
}

// String returns the fate as a scenario has it.
func (f Fate) String() string { return wordAt(fateWords, f) }

// String returns the strictness as a scenario has it.
func (r ReversePath) String() string { return wordAt(reversePathWords, r) }

// String returns the kind as a scenario has it, "" for Unicast.
func (k RouteKind) String() string { return wordAt(routeKindWords, k) }

// String returns the address as bind= has it.
func (b Bind) String() string { return wordAt(bindWords, b) }

// wordOption is an option with a value from a list of words, of which the
// first stands for its absence.
func wordOption[T ~uint8](key string, words []string, to *T) textOption {
	return textOption{key + "=" + strings.Join(words[1:], "|"), func(v string) bool {
		*to = T(slices.Index(words, v))
		return true
	}}
}

// nameOption is an option whose value is a name.
func nameOption(key, what string, to *string) textOption {
	return textOption{key + "=" + what, func(v string) bool { *to = v; return validName(v) }}
}

// placeOption is an option whose value is a place.
func placeOption(key string, to *Place) textOption {
	return textOption{key + "=PLACE", func(v string) (ok bool) { *to, ok = ParsePlace(v); return ok }}
}

func (l *textLine) place() Place {
	p, ok := ParsePlace(l.take(placeRule))
	if !ok {
		l.back(placeRule)
	}
	return p
}

func (p *textParser) router(l *textLine) { p.machine(l, true) }

func (p *textParser) addr(l *textLine) {
	a := HostAddr{Host: l.name("the name of a host"), Place: l.place()}
	if l.more() {
		a.Fate = Fate(max(0, slices.Index(fateWords, l.take(""))))
		if a.Fate == Usable {
			l.back("tentative, duplicate, deprecated or the end of the line")
		}
	}
	p.s.Addrs = append(p.s.Addrs, a)
	p.lines[addrLines] = append(p.lines[addrLines], l)
}

func (p *textParser) route(l *textLine) {
	r := HostRoute{Host: l.name("the name of a host"), To: l.name("the name of a network, or default")}
	if kind := slices.Index(routeKindWords, l.peek()); kind > 0 {
		r.Kind = RouteKind(kind)
		l.next++
	}
	l.options(
		nameOption("via", "HOST", &r.Via), nameOption("on", "NET", &r.On), nameOption("from", "NET", &r.From),
		placeOption("source", &r.Source),
		textOption{"family=4|6", func(v string) bool { r.Family = familyWords[v]; return true }},
		textOption{"metric=NUMBER", func(v string) bool {
			n, err := strconv.ParseUint(v, 10, 16)
			r.Metric = uint16(n)
			return err == nil && n > 0 && strconv.FormatUint(n, 10) == v
		}},
	)
	p.s.Routes = append(p.s.Routes, r)
	p.lines[routeLines] = append(p.lines[routeLines], l)
}

func netCells(n *Net) []string {
	words := strconv.Itoa(int(n.Family))
	if n.LinkLocal {
		words += " link-local"
	}
	return []string{"net", n.Name, words}
}

func hostCells(h *Host) []string {
	kind, words := "host", h.Nets
	if h.Router {
		kind = "router"
	}
	if h.ReversePath != 0 {
		words = append(slices.Clone(words), "rp_filter="+h.ReversePath.String())
	}
	return []string{kind, h.Name, strings.Join(words, " ")}
}

func addrCells(a *HostAddr) []string {
	return []string{"addr", a.Host, a.Place.String(), a.Fate.String()}
}

func routeCells(r *HostRoute) []string {
	var words []string
	if r.Kind != Unicast {
		words = append(words, r.Kind.String())
	}
	for _, o := range []struct{ key, value string }{
		{"via=", r.Via}, {"on=", r.On}, {"from=", r.From}, {"source=", r.Source.String()},
	} {
		if o.value != "" {
			words = append(words, o.key+o.value)
		}
	}
	if r.Family != 0 {
		words = append(words, "family="+strconv.Itoa(int(r.Family)))
	}
	if r.Metric != 0 {
		words = append(words, "metric="+strconv.Itoa(int(r.Metric)))
	}
	return []string{"route", r.Host, r.To, strings.Join(words, " ")}
}
