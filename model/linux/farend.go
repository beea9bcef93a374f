package linux

// FarEnd returns the socket at the other end of a connection, nil if there is
// none in the snapshot. An IPv6 socket that talks IPv4 is told of with mapped
// addresses (::ffff:10.77.0.1), the other end perhaps without: they are the
// same.
func (s *Snapshot) FarEnd(x *Socket) *Socket {
	if !x.Remote.IsValid() {
		return nil
	}
	local, remote := UnmapPort(x.Local), UnmapPort(x.Remote)
	for i := range s.Hosts {
		for j := range s.Hosts[i].Sockets {
			o := &s.Hosts[i].Sockets[j]
			if o.Carrier == x.Carrier && UnmapPort(o.Local) == remote && UnmapPort(o.Remote) == local {
				return o
			}
		}
	}
	return nil
}
