package props

import (
	"slices"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut"
)

// Space is what scenarios are drawn from: what the judged element can play.
type Space struct {
	Roles      []model.Role
	Transports []sip.Transport
	Families   []scenario.Family
	SamePort   bool // the judged element has one port for all its transports
	// Program: the judged element is a program. It may leave the source of what
	// it sends to the kernel, and chooses its connections itself.
	Program  bool
	Binds    []scenario.Bind // what it can be told to listen on
	Several  sut.Several     // of what its host can have several
	Accounts bool            // it can be registered at two registrars
}

// SpaceOf returns the space of a stack, narrowed to a transport and a role if
// those are given.
func SpaceOf(s *sut.Stack, transport, role string) Space {
	sp := Space{Roles: s.Roles, Transports: s.Transports, Families: s.Families, SamePort: s.SamePort, Program: s.Kind == sut.Real,
		Binds: everyBind, Several: sut.Several{Interfaces: true, Addresses: true, Families: true}, Accounts: true}
	if d := s.Description; d != nil {
		sp.Binds, sp.Several, sp.Accounts = d.Binds, d.Several, d.Accounts
		if len(sp.Binds) == 0 {
			sp.Binds = everyBind[:1]
		}
	}
	if t, ok := sip.ParseTransport(transport); ok {
		sp.Transports = []sip.Transport{t}
	}
	for _, r := range model.Roles {
		if r.String() == role {
			sp.Roles = []model.Role{r}
		}
	}
	return sp
}

var everyBind = []scenario.Bind{scenario.BindAddr, scenario.BindAny4, scenario.BindAny6, scenario.BindAny6Only}

func (sp Space) has(r model.Role) bool { return slices.Contains(sp.Roles, r) }

// dimension is one thing that varies, with the weights of its values in
// percent. They are honest if none is above 60 and none below 5: the generator
// does not know what it is looking for.
type dimension struct {
	name   string
	values []string
	weight []int
}

// The dimensions. TestWeights counts how often each value is really drawn.
var (
	dimFamily    = dimension{"family", []string{"4", "6", "46"}, []int{40, 35, 25}}
	dimUsed      = dimension{"family that is used of both", []string{"4", "6"}, []int{50, 50}}
	dimLinkToo   = dimension{"link-local addresses beside", []string{"no", "yes"}, []int{55, 45}}
	dimFurther   = dimension{"sut's host has beside", []string{"nothing", "an address", "an interface", "both"}, []int{40, 22, 23, 15}}
	dimWhich     = dimension{"sut is told", []string{"the first address", "a later one"}, []int{42, 58}}
	dimMoreOn    = dimension{"a host's second address", []string{"no", "yes"}, []int{60, 40}}
	dimRegistrar = dimension{"a second registrar", []string{"no", "yes"}, []int{60, 40}}
	dimHome      = dimension{"another's registrar", []string{"that of sut", "the second"}, []int{50, 50}}
	dimAccount   = dimension{"sut has a second account", []string{"no", "yes"}, []int{42, 58}}
	dimAgain     = dimension{"sut registers again", []string{"no", "at once", "between calls"}, []int{30, 34, 36}}
	dimAgainOver = dimension{"registers again over", []string{"the same", "another transport"}, []int{42, 58}}
	dimEndsAfter = dimension{"its connection then ends", []string{"no", "yes"}, []int{57, 43}}
	dimAfterEnd  = dimension{"registers when its connection ended", []string{"no", "yes"}, []int{45, 55}}
	dimWorld     = dimension{"networks and routes", []string{"one network", "two networks", "larger"}, []int{57, 31, 12}}
	dimTwoFamily = dimension{"family of two networks", []string{"4", "6", "46"}, []int{35, 35, 30}}
	dimAttached  = dimension{"a host's networks", []string{"first", "second", "both"}, []int{40, 40, 20}}
	dimPlain     = dimension{"hosts on two networks", []string{"two", "three"}, []int{55, 45}}
	dimRole      = dimension{"role of sut", []string{"callee", "caller", "proxy"}, []int{50, 36, 14}}
	dimMiddle    = dimension{"middle", []string{"direct", "proxy"}, []int{42, 58}}
	dimLayout    = dimension{"hosts", []string{"shared", "two", "apart"}, []int{35, 30, 35}}
	dimDeliver   = dimension{"deliver", []string{"contact", "flow"}, []int{42, 58}}
	dimRecord    = dimension{"record-route", []string{"no", "yes"}, []int{57, 43}}
	dimAgents    = dimension{"user agents", []string{"two", "three"}, []int{57, 43}}
	dimCommon    = dimension{"common transport", []string{"udp", "tcp"}, []int{50, 50}}
	dimListeners = dimension{"listeners", []string{"one transport", "two, one port", "two, unequal ports"}, []int{34, 33, 33}}
	dimBind      = dimension{"listens on", []string{"its address", "0.0.0.0", "::"}, []int{45, 30, 25}}
	dimPorts     = dimension{"ports across hosts", []string{"different", "same"}, []int{57, 43}}
	dimSUTReg    = dimension{"sut registers", []string{"no", "yes"}, []int{42, 58}}
	dimOtherReg  = dimension{"another registers", []string{"no", "yes"}, []int{57, 43}}
	dimCalls     = dimension{"calls", []string{"one", "two", "three"}, []int{50, 30, 20}}
	dimTurn      = dimension{"next call", []string{"same way", "back", "third party"}, []int{45, 35, 20}}
	dimStepVia   = dimension{"transport of a step", []string{"first shared", "udp", "tcp"}, []int{40, 30, 30}}
	dimOverFlow  = dimension{"over=flow", []string{"no", "yes"}, []int{55, 45}}
	dimHangup    = dimension{"hangup", []string{"caller", "callee"}, []int{57, 43}}
	dimFault     = dimension{"a fault", []string{"no", "yes"}, []int{55, 45}}
	dimWhichEnds = dimension{"connection that ends", []string{"any", "a registration's"}, []int{45, 55}}
	dimWhen      = dimension{"when", []string{"before the first call", "before a later one"}, []int{45, 55}}
	dimLacks     = dimension{"another with one transport lacks the other", []string{"no", "yes"}, []int{57, 43}}
	dimExtraPath = dimension{"second caller's proxy", []string{"same proxy", "none", "the second"}, []int{40, 33, 27}}
)

// Dimensions lists every dimension.
var dimensions = []*dimension{&dimWorld, &dimTwoFamily, &dimAttached, &dimPlain, &dimFamily, &dimUsed, &dimLinkToo, &dimFurther, &dimWhich, &dimMoreOn, &dimRole, &dimMiddle, &dimLayout, &dimDeliver, &dimRecord, &dimAgents,
	&dimCommon, &dimListeners, &dimBind, &dimPorts, &dimSUTReg, &dimOtherReg, &dimRegistrar, &dimHome, &dimAccount, &dimAgain, &dimAgainOver, &dimEndsAfter, &dimAfterEnd, &dimCalls, &dimTurn, &dimStepVia, &dimOverFlow,
	&dimHangup, &dimFault, &dimFaultKind, &dimWhichEnds, &dimChangeBeside, &dimWhen, &dimExtraPath, &dimLacks}
