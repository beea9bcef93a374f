package props

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

// named says of each mutant which signatures its lie has to be found by, and
// which classes it may be named at all: those of must, and may. Without the
// transport: most lies are told over both.
var named = map[string]struct {
	must []string
	may  []model.Class
	// How many lines a minimal scenario has at the most, 0: eight.
	lines int
}{
	"contact-from-connection":   {must: []string{"ConnectionPort 200 INVITE callee"}},
	"contact-unspecified":       {must: []string{"Unspecified 200 INVITE callee", "Unspecified INVITE caller", "Unspecified REGISTER callee"}},
	"contact-loopback":          {must: []string{"Loopback 200 INVITE callee", "Loopback INVITE caller", "Loopback REGISTER callee"}, may: []model.Class{model.Closed}},
	"contact-without-transport": {must: []string{"WrongTransport 200 INVITE callee", "WrongTransport INVITE caller", "WrongTransport REGISTER callee"}},
	"contact-of-neighbour":      {must: []string{"WrongOwner 200 INVITE callee", "WrongOwner INVITE caller", "WrongOwner REGISTER callee"}},
	"contact-dead-port":         {must: []string{"Closed 200 INVITE callee", "Closed INVITE caller", "Closed REGISTER callee"}},
	"stops-listening": {must: []string{"Closed REGISTER callee", "Closed 200 INVITE callee", "Closed INVITE caller"},
		// A proxy that starts again knows of no Contact, and dials the port that
		// the caller was told of by nobody.
		may: []model.Class{model.WrongTransport}},
	"contact-malformed": {must: []string{"Malformed 200 INVITE callee", "Malformed INVITE caller", "Malformed REGISTER callee"}},
	"lies-as-caller":    {must: []string{"Closed INVITE caller"}},
	"lies-in-register":  {must: []string{"Closed REGISTER callee"}},
	// Written when the claims were finished, and named by them as they were.
	"contact-without-port": {must: []string{"WrongPort 200 INVITE callee", "WrongPort INVITE caller", "WrongPort REGISTER callee"},
		may: []model.Class{model.WrongOwner, model.WrongTransport}},
	"two-contacts": {must: []string{"Closed 200 INVITE callee"}, may: []model.Class{model.Malformed}},
	"connects-udp": {must: []string{"ConnectionPort 200 INVITE callee", "ConnectionPort INVITE caller"},
		// A connect gives a wildcard socket the address that the routes choose:
		// then nobody is at the one that was handed out.
		may: []model.Class{model.Closed, model.WrongTransport},
		// Only a call without the proxy connects the socket to somebody else.
		lines: 9},
	"drops-record-route":       {must: []string{"RouteSetDropped 200 INVITE callee"}},
	"record-route-dead-port":   {must: []string{"Closed INVITE proxy"}},
	"refuses-behind-proxy":     {must: []string{"DiffersFromDirect INVITE callee"}},
	"contact-port-zero":        {must: []string{"WrongPort 200 INVITE callee", "WrongPort INVITE caller", "WrongPort REGISTER callee"}},
	"contact-other-family":     {must: []string{"Unreachable 200 INVITE callee", "Unreachable INVITE caller", "Unreachable REGISTER callee"}},
	"contact-link-local":       {must: []string{"LinkLocalNoScope 200 INVITE callee", "LinkLocalNoScope INVITE caller", "LinkLocalNoScope REGISTER callee"}},
	"lies-every-other-time":    {must: []string{"Closed 200 INVITE callee", "Closed INVITE caller"}, may: []model.Class{model.Closed}},
	"lies-half-the-time":       {must: []string{"Closed 200 INVITE callee", "Closed INVITE caller"}, may: []model.Class{model.Closed}},
	"deaf-to-bye":              {must: []string{"NoAnswer BYE callee", "NoAnswer BYE caller"}},
	"ack-over-other-transport": {must: []string{"Misrouted ACK caller"}},
	"bye-over-other-transport": {must: []string{"Misrouted BYE caller", "Misrouted BYE callee"}},
	// What shows only where there is more than one interface, address, registration.
	"contact-of-other-interface": {must: []string{"Closed 200 INVITE callee", "Closed INVITE caller", "Closed REGISTER callee"},
		may: []model.Class{model.Unreachable}, lines: 9},
	"contact-first-address":  {must: []string{"Closed 200 INVITE callee", "Closed INVITE caller", "Closed REGISTER callee"}, may: []model.Class{model.Unreachable}, lines: 9},
	"wildcard-first-address": {must: []string{"Unreachable 200 INVITE callee", "Unreachable INVITE caller"}, lines: 9},
	"wildcard-unspecified":   {must: []string{"Unspecified 200 INVITE callee", "Unspecified INVITE caller", "Unspecified REGISTER callee"}},
	// The port is that of a connection: it takes the proxy's requests until it ends.
	"refresh-from-connection":  {must: []string{"Closed REGISTER callee"}, lines: 9},
	"refresh-dead-port":        {must: []string{"Closed REGISTER callee"}, may: []model.Class{model.WrongTransport}},
	"contact-of-other-account": {must: []string{"ConnectionPort 200 INVITE callee"}, lines: 9},
	"own-link-local":           {must: []string{"LinkLocalNoScope 200 INVITE callee", "LinkLocalNoScope INVITE caller", "LinkLocalNoScope REGISTER callee"}},
	"contact-zone":             {must: []string{"Malformed 200 INVITE callee", "Malformed INVITE caller", "Malformed REGISTER callee"}},
	"dials-anew":               {must: []string{"SocketsDiffer"}},
}

// short is a signature as the table has it.
func short(s model.Signature) string {
	return strings.Join(strings.Fields(strings.Join([]string{string(s.Class), s.Message, s.Role}, " ")), " ")
}

// TestMutantsAreCaught: each lie is found, minimised to at most eight lines,
// and named right. It is the negative twin of every claim.
func TestMutantsAreCaught(t *testing.T) {
	t.Parallel()
	netns.Require(t)
	for _, s := range sut.SelfTests() {
		name, isMutant := strings.CutPrefix(s.Name, "mutant/")
		if !isMutant {
			continue
		}
		t.Run(name, func(t *testing.T) {
			want, known := named[name]
			if !known {
				t.Fatal("nothing says how this mutant has to be found")
			}
			cfg := Config{Seed: seed(), Checks: enough(200)}
			if strings.HasPrefix(want.must[0], string(model.NoAnswer)) {
				cfg.Checks, cfg.Workers = enough(60), manyWaiting
			}
			sum, err := Hunt(context.Background(), s, cfg)
			if err != nil {
				t.Fatal(err)
			}
			caught(t, sum, want.must, want.may, cmp.Or(want.lines, 8))
		})
	}
}

func caught(t *testing.T, sum *Summary, must []string, may []model.Class, lines int) {
	t.Helper()
	found := map[string]bool{}
	allowed := map[model.Class]bool{}
	for _, m := range must {
		allowed[model.Class(strings.Fields(m)[0])] = true
	}
	for _, c := range may {
		allowed[c] = true
	}
	for _, f := range sum.Findings {
		found[short(f.Signature)] = true
		if !allowed[f.Class] || f.Class == model.Misrouted && !slices.Contains(must, short(f.Signature)) {
			t.Errorf("named %s:\n%s", corpus.FormatSignature(f.Signature), f.Scenario)
		}
		if n := len(strings.Split(strings.TrimSpace(strings.ReplaceAll(f.Scenario, "\n\n", "\n")), "\n")); n > lines && (f.Cut == "" || f.Class != model.NoAnswer) { // each play of that waits
			t.Errorf("%s: %d lines:\n%s", corpus.FormatSignature(f.Signature), n, f.Scenario)
		}
	}
	for _, m := range must {
		if !found[m] {
			t.Errorf("not found: %s", m)
		}
	}
	if sum.Broken > 0 || len(sum.Unconfirmed) > 0 {
		t.Errorf("%d broken, unconfirmed %v", sum.Broken, sum.Unconfirmed)
	}
}
