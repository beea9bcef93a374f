package linux

// rule is one rule of Ports: what the kernel does in one case.
type rule uint8

// The rules, in the order in which a socket lives. rules.go says each in one
// line and names the kernel's function; where Ports calls hit is where it is.
const (
	ruleNoSocket rule = iota
	rulePickPort
	ruleOptionOtherFamily
	ruleV6OnlyTooLate
	ruleOtherFamily
	ruleBindTwice
	ruleBindMappedV6Only
	ruleBindNotLocal
	ruleSpecificIsV6Only
	ruleShareDevice
	ruleShareReuseAddr
	ruleShareReuseAddrUDP
	ruleShareReusePort
	ruleVouched
	ruleShareHidesConflict
	ruleClashSame
	ruleClashWildcard
	ruleClashConnected6
	ruleNoClash
	ruleListenUDP
	ruleListenConnected
	ruleListenAgain
	ruleListenUnbound
	ruleListenTaken
	ruleDialConnected
	ruleDialDisconnecting
	ruleDialAgain
	ruleDialListener
	ruleDialBound
	ruleDialTaken
	ruleDialTakesTimeWait
	ruleSynUnanswered
	ruleSynRefused
	ruleRefusalLost
	ruleSelfConnect
	ruleSelfByChance
	ruleQueueFull
	ruleChild
	ruleChildShut
	ruleAccept
	ruleAcceptDead
	ruleAcceptEmpty
	ruleAcceptNoListener
	ruleAcceptUDP
	ruleToUnspecified
	ruleV6OnlyTo4
	ruleMappedTo6
	ruleSourceGone
	ruleLoopbackOut
	ruleNoRoute
	ruleNobodyThere
	ruleFiltered
	ruleRemoveAddr
	ruleRemoveNone
	ruleAddrGone
	ruleHalfClosed
	ruleTimeWaits
	ruleSelfClose
	rulePortKept
	rulePortDropped
	ruleReset
	ruleResetCloseWait
	ruleQueueReset
	ruleCloseUDP
	ruleCloseListener
	ruleCloseUnconnected
	ruleCloseUnread
	ruleCloseLinger0
	ruleCloseFIN
	ruleCloseHalf
	ruleShutUnconnected
	ruleShutListenerWrite
	ruleShutListener
	ruleShutSynSent
	ruleShutWrite
	ruleShutQuiet
	ruleDestroyNone
	ruleDestroyListener
	ruleDestroyConnection
	ruleDestroyOther
	ruleDestroyUDP
	ruleDestroyOfTwin
	ruleUndialUDP
	ruleUndialListener
	ruleUndialConnection
	ruleUndialOther
	ruleRehash
	ruleStaleFlow
	ruleLeaveGroup
	ruleGroupAnew
	ruleGroupMixed
	ruleWarm
	ruleSendEarly
	ruleSendClosed
	ruleDataAfterClose
	ruleData
	rulePendingError
	ruleReadListener
	ruleRead
	ruleReadEnd
	ruleReadUnconnected
	ruleReadNothing
	ruleConnectUDP
	ruleConnectAgain
	ruleAutobind
	ruleSendNowhere
	ruleSendToPort0
	ruleSendToTCP
	ruleSendShut
	ruleDatagramLost
	ruleDatagram
	ruleDatagramRefused
	ruleRefusalTold
	ruleRefusalUntold
	rules
)

// PortRule is a rule of the reference model, for people.
type PortRule struct {
	Text   string
	Kernel string // the kernel's functions, "-" if none
}

var portRules = [rules]PortRule{
	ruleNoSocket:           {"a name without an open socket behind it: EBADF", "-"},
	rulePickPort:           {"the kernel picks a free port of ip_local_port_range", "inet_csk_find_open_port, __inet_hash_connect, udp_lib_get_port"},
	ruleOptionOtherFamily:  {"IPV6_V6ONLY on an IPv4 socket: ENOPROTOOPT", "ip_setsockopt"},
	ruleV6OnlyTooLate:      {"IPV6_V6ONLY once there is a port: EINVAL", "do_ipv6_setsockopt"},
	ruleOtherFamily:        {"an IPv6 address on an IPv4 socket: EAFNOSUPPORT", "__inet_bind, tcp_v4_connect, __ip4_datagram_connect"},
	ruleBindTwice:          {"bind on a socket with a port or a connection: EINVAL. IPv4 looks at the address first", "__inet_bind, __inet6_bind"},
	ruleBindMappedV6Only:   {"an IPv4 address on a v6only socket: EINVAL", "__inet6_bind"},
	ruleBindNotLocal:       {"an address that the host has not got (or ::1 on a device other than lo): EADDRNOTAVAIL", "inet_addr_valid_or_nonlocal, ipv6_chk_addr"},
	ruleSpecificIsV6Only:   {"a socket bound to one IPv6 address becomes v6only", "__inet6_bind"},
	ruleShareDevice:        {"sockets bound to different devices share a port", "inet_bind_conflict, udp_lib_lport_inuse"},
	ruleShareReuseAddr:     {"TCP: both with SO_REUSEADDR share a port unless the other one listens", "inet_bind_conflict"},
	ruleShareReuseAddrUDP:  {"UDP: both with SO_REUSEADDR share a port, whoever reads", "udp_lib_lport_inuse"},
	ruleShareReusePort:     {"both with SO_REUSEPORT share a port, listening or not", "inet_bind_conflict, udp_lib_lport_inuse"},
	ruleVouched:            {"TCP: SO_REUSEPORT next to a socket with the same address and SO_REUSEPORT, the last bound: no other conflict is looked for", "sk_reuseport_match"},
	ruleShareHidesConflict: {"UDP: the search for a conflict ends at the first SO_REUSEPORT partner; an older socket in conflict is not seen", "udp_lib_lport_inuse"},
	ruleClashSame:          {"the same address, or two wildcards, clash", "inet_rcv_saddr_equal"},
	ruleClashWildcard:      {"a wildcard clashes with every address that it takes", "inet_rcv_saddr_equal"},
	ruleClashConnected6:    {"an IPv4 wildcard that is being bound clashes with every IPv6 socket that is not v6only, even a connection between IPv6 addresses", "ipv4_rcv_saddr_equal"},
	ruleNoClash:            {"sockets on the port without an address in common do not clash", "inet_rcv_saddr_equal"},
	ruleListenUDP:          {"listen on UDP: EOPNOTSUPP", "sock_no_listen"},
	ruleListenConnected:    {"listen on what was ever connected, or is being so: EINVAL", "inet_listen"},
	ruleListenAgain:        {"listen on a listener only changes its backlog", "__inet_listen_sk"},
	ruleListenUnbound:      {"listen without bind: wildcard address, port of the kernel's choice", "inet_csk_listen_start"},
	ruleListenTaken:        {"bind allowed the port, listen does not: EADDRINUSE", "inet_csk_listen_start"},
	ruleDialConnected:      {"dial on what is or was connected: EISCONN", "__inet_stream_connect"},
	ruleDialDisconnecting:  {"dial after shutdown of a failed dial: EINVAL", "__inet_stream_connect"},
	ruleDialAgain:          {"dial while the SYN is unanswered: EALREADY", "__inet_stream_connect"},
	ruleDialListener:       {"dial on a listener: EISCONN", "__inet_stream_connect"},
	ruleDialBound:          {"dial from a chosen port", "__inet_hash_connect"},
	ruleDialTaken:          {"a connection with the same two ends is there: EADDRNOTAVAIL", "__inet_check_established"},
	ruleDialTakesTimeWait:  {"a dial from a chosen port takes over its own TIME-WAIT", "tcp_twsk_unique"},
	ruleSynUnanswered:      {"nobody answers the SYN: EINPROGRESS, SYN-SENT", "tcp_connect"},
	ruleSynRefused:         {"no listener takes the SYN: RST, ECONNREFUSED. The socket may dial again", "tcp_v4_rcv, tcp_rcv_synsent_state_process"},
	ruleRefusalLost:        {"IPv6: the RST to a SYN from ::1 to another address of the host is lost: EINPROGRESS", "tcp_v6_send_response (rt6_need_strict)"},
	ruleSelfConnect:        {"a SYN to one's own port: the socket is connected to itself", "tcp_rcv_synsent_state_process"},
	ruleSelfByChance:       {"a dial to a closed port of one's own address is connected to itself, since the kernel picked that port", "__inet_hash_connect"},
	ruleQueueFull:          {"more connections wait than the backlog: the SYN is dropped", "tcp_conn_request, sk_acceptq_is_full"},
	ruleChild:              {"the listener takes the SYN: a connection with the listener's address and port waits for accept", "tcp_v4_syn_recv_sock, inet_csk_clone_lock"},
	ruleChildShut:          {"a connection inherits what was shut on its listener's socket, and sends its FIN at once", "tcp_rcv_state_process (SYN-RECV)"},
	ruleAccept:             {"accept takes the oldest", "inet_csk_accept"},
	ruleAcceptDead:         {"accept takes a connection that was reset while it waited", "inet_csk_accept"},
	ruleAcceptEmpty:        {"accept with nobody waiting: EAGAIN", "inet_csk_accept"},
	ruleAcceptNoListener:   {"accept on what does not listen: EINVAL", "inet_csk_accept"},
	ruleAcceptUDP:          {"accept on UDP: EOPNOTSUPP", "sock_no_accept"},
	ruleToUnspecified:      {"0.0.0.0 and :: as a destination mean this host", "ip_route_output_key_hash_rcu, tcp_v6_connect"},
	ruleV6OnlyTo4:          {"a v6only socket to an IPv4 address: ENETUNREACH", "tcp_v6_connect, __ip6_datagram_connect, udpv6_sendmsg"},
	ruleMappedTo6:          {"a socket bound to an IPv4 address to an IPv6 one: EAFNOSUPPORT", "ip6_dst_lookup_tail"},
	ruleSourceGone:         {"IPv4: the bound address was removed from the host: ENETUNREACH", "ip_route_output_key_hash_rcu"},
	ruleLoopbackOut:        {"IPv4: from 127.0.0.1 to another host: EINVAL", "__mkroute_output"},
	ruleNoRoute:            {"no address on the destination's network: ENETUNREACH", "fib_lookup, ip6_route_output"},
	ruleNobodyThere:        {"an address of the network that nobody has: sent and never heard of", "arp_solicit, ndisc_solicit"},
	ruleFiltered:           {"a firewall drops it without a word", "nf_hook"},
	ruleRemoveAddr:         {"an address is removed; sockets with it stay as they are", "inet_del_ifa, addrconf_del"},
	ruleRemoveNone:         {"removing an address that is not there: EADDRNOTAVAIL", "inet_rtm_deladdr"},
	ruleAddrGone:           {"a connection whose address was removed: nothing gets through", "ip_queue_xmit, ip_rcv"},
	ruleHalfClosed:         {"FIN: CLOSE-WAIT there, FIN-WAIT-2 here", "tcp_fin"},
	ruleTimeWaits:          {"both have ended: TIME-WAIT where it began, nothing at the other side", "tcp_time_wait"},
	ruleSelfClose:          {"a connection to itself ends in TIME-WAIT at once", "tcp_fin (CLOSING)"},
	rulePortKept:           {"a socket whose connection is over keeps the port that bind chose", "tcp_set_state (SOCK_BINDPORT_LOCK)"},
	rulePortDropped:        {"a socket whose connection is over gives back a port that the kernel picked", "tcp_set_state, inet_put_port"},
	ruleReset:              {"RST: the connection is over at once, ECONNRESET is told once", "tcp_reset"},
	ruleResetCloseWait:     {"RST in CLOSE-WAIT: EPIPE instead", "tcp_reset"},
	ruleQueueReset:         {"the listener ends: connections that nobody accepted are reset", "inet_csk_listen_stop"},
	ruleCloseUDP:           {"close of a UDP socket", "udp_lib_close"},
	ruleCloseListener:      {"close of a listener: the accepted connections live on", "__tcp_close"},
	ruleCloseUnconnected:   {"close of a socket without a connection", "__tcp_close"},
	ruleCloseUnread:        {"close with unread data: RST instead of FIN", "__tcp_close"},
	ruleCloseLinger0:       {"close with SO_LINGER 0: RST. Accepted connections inherit the option", "__tcp_close, tcp_disconnect"},
	ruleCloseFIN:           {"close in order: FIN", "tcp_close_state"},
	ruleCloseHalf:          {"close of what has sent its FIN: nothing is sent", "tcp_close_state"},
	ruleShutUnconnected:    {"shutdown without a connection: ENOTCONN, and yet that side is shut for the next one", "inet_shutdown"},
	ruleShutListenerWrite:  {"shutdown(write) of a listener does nothing", "inet_shutdown"},
	ruleShutListener:       {"shutdown(read) of a listener: it listens no more and may listen again", "inet_shutdown, tcp_disconnect"},
	ruleShutSynSent:        {"shutdown of an unanswered dial takes it back", "inet_shutdown, tcp_disconnect"},
	ruleShutWrite:          {"shutdown(write): FIN", "tcp_shutdown"},
	ruleShutQuiet:          {"shutdown that sends nothing", "inet_shutdown"},
	ruleDestroyNone:        {"destroying what sock_diag does not find: ENOENT", "inet_diag_find_one_icsk, udp_diag_destroy"},
	ruleDestroyListener:    {"a destroyed listener listens no more; its program may listen again", "tcp_abort"},
	ruleDestroyConnection:  {"a destroyed connection sends RST; its program is told ECONNABORTED", "tcp_abort"},
	ruleDestroyOther:       {"a destroyed unanswered dial", "tcp_abort"},
	ruleDestroyUDP:         {"a destroyed UDP socket is only disconnected, from its device too. An IPv6 one keeps its peer's address and takes datagrams from there only", "udp_abort, __udp_disconnect"},
	ruleDestroyOfTwin:      {"SOCK_DESTROY looks for a UDP socket as a datagram from its peer would: where that finds another one, ENOENT", "__udp_diag_destroy"},
	ruleUndialUDP:          {"connect to AF_UNSPEC takes a UDP socket's peer from it, and its device, as its destruction does", "__udp_disconnect"},
	ruleUndialListener:     {"connect to AF_UNSPEC stops a listener", "tcp_disconnect"},
	ruleUndialConnection:   {"connect to AF_UNSPEC resets a connection; the socket may be used again, and tells ECONNRESET first", "tcp_disconnect"},
	ruleUndialOther:        {"connect to AF_UNSPEC without a connection: nothing is sent", "tcp_disconnect"},
	ruleRehash:             {"a UDP socket whose address changes goes to the head of its new chain, as if it had been bound last", "udp_lib_rehash"},
	ruleStaleFlow:          {"a UDP socket that is connected a second time, with its address settled, stays in the table of flows under its first peer: it is found by score, behind those that are found there (since Linux 6.13), unless it is the first of its address", "udp_lib_hash4, udp4_lib_lookup4"},
	ruleLeaveGroup:         {"a UDP socket that is connected (since Linux 6.13 also one bound to an address), or whose address or device changes, leaves its SO_REUSEPORT group, and does not come back", "reuseport_detach_sock"},
	ruleGroupAnew:          {"a socket with SO_REUSEPORT joins the first one met with the same address, if that one has lost its group then in a new one", "udp_reuseport_add_sock"},
	ruleGroupMixed:         {"a SO_REUSEPORT group of which a member bound to its address was connected does not end a look-up any more", "reuseport_has_conns"},
	ruleWarm:               {"a UDP socket that has received while it was connected scores one more ever after, on the processor where it did", "sk_incoming_cpu_update, compute_score"},
	ruleSendEarly:          {"send while the SYN is unanswered: EAGAIN", "sk_stream_wait_connect"},
	ruleSendClosed:         {"send where no connection is, or its write side is shut: EPIPE, or the pending error first", "sk_stream_error"},
	ruleDataAfterClose:     {"data for who has closed, or shut its read side after its FIN: RST", "tcp_rcv_state_process, tcp_timewait_state_process"},
	ruleData:               {"data waits to be read, also where the read side is shut", "tcp_data_queue"},
	rulePendingError:       {"the pending error is told once", "sock_error"},
	ruleReadListener:       {"read on a listener: ENOTCONN", "tcp_recvmsg_locked"},
	ruleRead:               {"read takes what is there", "tcp_recvmsg_locked, __skb_recv_udp"},
	ruleReadEnd:            {"read at the end: 0 bytes", "tcp_recvmsg_locked"},
	ruleReadUnconnected:    {"read where no connection was: ENOTCONN", "tcp_recvmsg_locked"},
	ruleReadNothing:        {"read with nothing there: EAGAIN", "tcp_recvmsg_locked, __skb_recv_udp"},
	ruleConnectUDP:         {"connect on UDP settles the socket's own address and its one peer", "__ip4_datagram_connect"},
	ruleConnectAgain:       {"UDP may be connected again; its own address stays that of the first time", "__ip4_datagram_connect"},
	ruleAutobind:           {"UDP that sends or connects without a port gets one, even if that fails then", "inet_autobind"},
	ruleSendNowhere:        {"send on unconnected UDP: EDESTADDRREQ", "udp_sendmsg"},
	ruleSendToPort0:        {"sendto port 0 on UDP: EINVAL", "udp_sendmsg, udpv6_sendmsg"},
	ruleSendToTCP:          {"sendto on TCP ignores the address", "tcp_sendmsg_locked"},
	ruleSendShut:           {"send on UDP after shutdown(write): EPIPE", "sock_alloc_send_pskb"},
	ruleDatagramLost:       {"a datagram that nobody hears of", "-"},
	ruleDatagram:           {"a datagram waits to be read", "__udp_queue_rcv_skb"},
	ruleDatagramRefused:    {"nobody takes the datagram: ICMP port unreachable", "__udp4_lib_rcv, __udp6_lib_rcv"},
	ruleRefusalTold:        {"the refusal is told to a connected sender: ECONNREFUSED at its next send or read", "__udp4_lib_err"},
	ruleRefusalUntold:      {"the refusal is not told to an unconnected sender", "__udp4_lib_err"},
}
