// Package texts has scenarios that the tests of several packages play.
package texts

// Founding is the call of October 2012, in the form that finds its bug.
const Founding = `net   lan 4
host  box lan
proxy p   box tcp:5060 deliver=flow
ua    bob box tcp:5072 via=p sut
ua    ann box tcp:5081 via=p

register bob
call     ann bob
`

// Routed has everything in it that the grammar knows of topologies and faults.
const Routed = `net    lan 46 link-local
net    far 6
net    mid 4
host   box lan mid
router r1  lan far mid rp_filter=strict
host   h3  far mid rp_filter=loose
addr   box lan.2
addr   box lan.3
addr   box lan/6.2  deprecated
addr   h3  far      tentative
addr   h3  far.2    duplicate
addr   r1  lan/link tentative
route  box default  via=r1
route  box far      via=r1 on=lan source=lan/6 metric=5
route  h3  lan      via=r1 from=mid family=4
route  h3  lan      unreachable family=6
route  r1  default  prohibit
route  box default  blackhole from=lan
proxy  p   box      tcp:5060 deliver=flow at=lan/6 bind=::
ua     ann box      tcp:5061 via=p at=lan.2 bind=0.0.0.0
ua     bob h3       tcp:5060 at=mid sut
ua     eve box      tcp:5062 at=lan/link bind=v6only

disconnect ann p
silence    ann p
reset      p ann
link       box lan down
link       box lan up
forwarding r1 off
forwarding h3 on
assign     box mid.2
unassign   box lan/6.2
renumber   box lan lan.2
withdraw   box default from=lan
withdraw   h3 lan from=mid
freeze     box
fill       ann
thaw       box
kill       h3
restart    bob
`
