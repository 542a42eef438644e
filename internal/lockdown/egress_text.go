package lockdown

// rulesetText is what Ruleset fills in. TCP over IPv6 is refused with a reset: measured, the ICMPv6
// answer comes while connect(2) holds the socket and is heeded a second later only.
const rulesetText = `# The network of an exam tablet: rendered by "portillonctl egress"; do not edit.
# The sets are empty until addresses are resolved on the tablet.
{{- range .Names}}
#   {{.}}
{{- end}}

table inet {{.Table}}
delete table inet {{.Table}}

table inet {{.Table}} {
	set {{.V4}} {
		type ipv4_addr . inet_service
		flags timeout
	}

	set {{.V6}} {
		type ipv6_addr . inet_service
		flags timeout
	}

	counter refused-exam { }
	counter refused-other { }
	counter refused-in { }

	chain output {
		type filter hook output priority filter; policy drop;
{{- with .UserSet}}
		meta skuid {{.}} goto exam
{{- end}}
		# Over TCP alone: whoever takes a UDP port that the resolver has just used would pass as
		# its exchange. A connection cannot be taken over so.
		meta l4proto tcp ct state established,related accept
		oifname "lo" accept
{{- with .Resolver}}
		meta skuid {{.}} meta l4proto { tcp, udp } th dport 53 accept
{{- end}}
{{- with .Time}}
		meta skuid {{.}} udp dport 123 accept
{{- end}}
{{- with .DHCP}}
		meta skuid {{.}} udp sport 68 udp dport 67 accept
		meta skuid {{.}} udp sport 546 udp dport 547 accept
{{- end}}
		# What IPv6 cannot do without; the kernel's own, never routed.
		ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept
		ip6 hoplimit 1 icmpv6 type mld2-listener-report accept
		counter name refused-other
		meta nfproto ipv6 meta l4proto tcp reject with tcp reset
		reject with icmpx type admin-prohibited
	}

	# The kiosk's users: loopback is no exception for them.
	chain exam {
		oifname "lo" {{.StubFamily}} daddr {{.Stub}} tcp dport 53 accept
{{- if .UDP}}
		oifname "lo" {{.StubFamily}} daddr {{.Stub}} udp dport 53 accept
{{- end}}
{{- if .PortSet}}
		tcp dport {{.PortSet}} ct state established,related accept
		tcp dport {{.PortSet}} ip daddr . tcp dport @{{.V4}} accept
		tcp dport {{.PortSet}} ip6 daddr . tcp dport @{{.V6}} accept
{{- end}}
		counter name refused-exam
		meta nfproto ipv6 meta l4proto tcp reject with tcp reset
		reject with icmpx type admin-prohibited
	}

	chain input {
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
		ct state established,related accept
		udp sport 67 udp dport 68 accept
		udp sport 547 udp dport 546 accept
		ip6 hoplimit 255 icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
		icmpv6 type { mld-listener-query } accept
		counter name refused-in
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
`
