package scenario

// The text of the faults.

func init() {
	addPairStep("disconnect", func(a, b string) Disconnect { return Disconnect{a, b} },
		func(s Disconnect) (string, string) { return s.Element, s.Peer })
	addPairStep("silence", func(a, b string) Silence { return Silence{a, b} },
		func(s Silence) (string, string) { return s.Element, s.Peer })
	addPairStep("reset", func(a, b string) ResetFlow { return ResetFlow{a, b} },
		func(s ResetFlow) (string, string) { return s.Element, s.Peer })
	addStep("link", "HOST NET down|up",
		func(l *textLine) SetLink {
			return SetLink{l.name("the name of a host"), l.name("the name of a network"), l.either("up", "down")}
		},
		func(s SetLink) []string { return []string{s.Host, s.Net, choose(s.Up, "up", "down")} },
		func(c *checker, s SetLink) { c.attached(1, s.Host, 2, s.Net) })
	addStep("forwarding", "HOST off|on",
		func(l *textLine) SetForwarding {
			return SetForwarding{l.name("the name of a host"), l.either("on", "off")}
		},
		func(s SetForwarding) []string { return []string{s.Host, choose(s.On, "on", "off")} },
		func(c *checker, s SetForwarding) { c.host(1, s.Host) })
	addPlaceSteps()
	addStep("withdraw", "HOST NET|default [from=NET]", readWithdraw, writeWithdraw, checkWithdraw)
	addHostStep("freeze", func(h string) Freeze { return Freeze{h} }, func(s Freeze) string { return s.Host })
	addHostStep("thaw", func(h string) Thaw { return Thaw{h} }, func(s Thaw) string { return s.Host })
	addHostStep("kill", func(h string) Kill { return Kill{h} }, func(s Kill) string { return s.Host })
	addStep("restart", "ELEMENT",
		func(l *textLine) Restart { return Restart{l.name("the name of an element")} },
		func(s Restart) []string { return []string{s.Element} },
		func(c *checker, s Restart) { c.element(1, s.Element) })
	addStep("fill", "ELEMENT",
		func(l *textLine) FillBacklog { return FillBacklog{l.name("the name of an element")} },
		func(s FillBacklog) []string { return []string{s.Element} },
		func(c *checker, s FillBacklog) {
			e := c.element(1, s.Element)
			if e == nil {
				return
			}
			if _, ok := e.Stream(); !ok {
				c.fail(1, s.Element, "an element that listens on a stream, as tcp is")
			}
		})
}

func addPlaceSteps() {
	addStep("assign", "HOST PLACE",
		func(l *textLine) Assign { return Assign{l.name("the name of a host"), l.place()} },
		func(s Assign) []string { return []string{s.Host, s.Place.String()} },
		func(c *checker, s Assign) { c.numbered(2, s.Host, s.Place) })
	addStep("unassign", "HOST PLACE",
		func(l *textLine) Unassign { return Unassign{l.name("the name of a host"), l.place()} },
		func(s Unassign) []string { return []string{s.Host, s.Place.String()} },
		func(c *checker, s Unassign) { c.numbered(2, s.Host, s.Place) })
	addStep("renumber", "HOST OLD-PLACE NEW-PLACE",
		func(l *textLine) Renumber { return Renumber{l.name("the name of a host"), l.place(), l.place()} },
		func(s Renumber) []string { return []string{s.Host, s.Old.String(), s.New.String()} },
		checkRenumber)
}

func checkRenumber(c *checker, s Renumber) {
	from, to := c.numbered(2, s.Host, s.Old), c.numbered(3, s.Host, s.New)
	if s.Old.Net != s.New.Net || from == to || from.Is4() != to.Is4() {
		c.fail(3, s.New.String(), "another address of the same family on the same network")
	}
}

// addPairStep adds a step that befalls two elements.
func addPairStep[T Step](word string, with func(a, b string) T, names func(T) (string, string)) {
	addStep(word, "ELEMENT ELEMENT",
		func(l *textLine) T { return with(l.name("the name of an element"), l.name("the name of an element")) },
		func(s T) []string { a, b := names(s); return []string{a, b} },
		func(c *checker, s T) {
			a, b := names(s)
			c.element(1, a)
			c.element(2, b)
			if a == b {
				c.fail(2, b, "another element")
			}
		})
}

// addHostStep adds a step that befalls a host.
func addHostStep[T Step](word string, with func(string) T, name func(T) string) {
	addStep(word, "HOST",
		func(l *textLine) T { return with(l.name("the name of a host")) },
		func(s T) []string { return []string{name(s)} },
		func(c *checker, s T) { c.host(1, name(s)) })
}

func readWithdraw(l *textLine) Withdraw {
	w := Withdraw{Host: l.name("the name of a host"), To: l.name("the name of a network, or default")}
	l.options(nameOption("from", "NET", &w.From))
	return w
}

func writeWithdraw(w Withdraw) []string {
	if w.From == "" {
		return []string{w.Host, w.To}
	}
	return []string{w.Host, w.To, "from=" + w.From}
}

// checkWithdraw: a route that was never there cannot be withdrawn. Whether it
// is still there the steps before decide.
func checkWithdraw(c *checker, w Withdraw) {
	c.host(1, w.Host)
	for i := range c.s.Routes {
		if r := &c.s.Routes[i]; r.Host == w.Host && r.To == w.To && r.From == w.From {
			return
		}
	}
	c.fail(2, w.To, "the destination of a route line of "+w.Host)
}

// either takes one of two words and reports whether it is the first.
func (l *textLine) either(yes, no string) bool {
	w := l.take(no + " or " + yes)
	if w != yes && w != no {
		l.back(no + " or " + yes)
	}
	return w == yes
}

func choose(first bool, yes, no string) string {
	if first {
		return yes
	}
	return no
}

// element finds an element that a word names.
func (c *checker) element(word int, name string) *Element {
	e := c.elements[name]
	if e == nil {
		c.fail(word, name, "the name of an element")
	}
	return e
}
