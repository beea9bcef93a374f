package props

import (
	"errors"
	"fmt"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

// befall makes a step that changes the topology happen in a lab. What the step
// would take and is not there, it need not take.
func befall(lab *netns.Lab, s *model.Scenario, step model.Step) error {
	switch st := step.(type) {
	case model.SetLink:
		return lab.Host(st.Host).SetLink(st.Net, st.Up)
	case model.Assign:
		return lab.Host(st.Host).Assign(st.Place.Net, s.PlaceAddr(st.Host, st.Place))
	case model.Unassign:
		return lab.Host(st.Host).Unassign(s.PlaceAddr(st.Host, st.Place))
	case model.Renumber:
		// Not Host.Renumber: it finds addresses that are in force only.
		err := befall(lab, s, model.Unassign{Host: st.Host, Place: st.Old})
		return errors.Join(err, befall(lab, s, model.Assign{Host: st.Host, Place: st.New}))
	case model.RemoveAddr:
		return lab.Host(st.Host).RemoveAddr(st.Addr)
	case model.Withdraw:
		return lab.Host(st.Host).Withdraw(st.To, st.From)
	case model.SetForwarding:
		return lab.Host(st.Host).SetForwarding(st.On)
	}
	return fmt.Errorf("props: %T does nothing to a topology", step)
}
