package netns

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// TCP's memory of destinations: round-trip times, windows, and cookies of TCP
// Fast Open.
const (
	genlMetrics        = "tcp_metrics"
	metricsDelete      = 2 // TCP_METRICS_CMD_DEL, linux/tcp_metrics.h
	genlVersion        = 1
	ctrlGetFamily      = 3 // CTRL_CMD_GETFAMILY, linux/genetlink.h
	ctrlAttrFamilyID   = 1
	ctrlAttrFamilyName = 2
)

// metricsFamily is the number of the kernel's interface, 0 if it has none.
var metricsFamily = sync.OnceValues(func() (id uint16, err error) {
	c, err := newConn(unix.NETLINK_GENERIC)
	if err != nil {
		return 0, err
	}
	defer c.close()
	var b batch
	b.request(unix.GENL_ID_CTRL, 0, "")
	b.u8(ctrlGetFamily, genlVersion, 0, 0)
	b.attrName(ctrlAttrFamilyName, genlMetrics)
	err = c.query(&b, false, func(body []byte) {
		attributes(body[4:], func(typ uint16, value []byte) {
			if typ == ctrlAttrFamilyID {
				id = native.Uint16(value)
			}
		})
	})
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	return id, err
})

// forgetMetrics forgets all that TCP has learned about destinations.
func (l *Lab) forgetMetrics() error {
	id, err := metricsFamily()
	if err != nil || id == 0 {
		return err
	}
	for _, h := range l.hosts {
		var b batch
		b.request(id, 0, "forget TCP metrics")
		b.u8(metricsDelete, genlVersion, 0, 0)
		if err := h.metrics.do(&b); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return nil
}
