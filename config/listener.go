package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
)

var hostName = regexp.MustCompile(`^[A-Za-z0-9.:%_-]*$`)

// listener is an address to listen on, and its place in the file.
type listener struct {
	value
	address string
}

// listener reads the host:port to listen on. With a private database it must be on
// loopback. No two listeners may use the same address.
func (v value) listener(def string, private bool) string {
	me := listener{v, v.address(def)}
	if private && !loopbackAddress(me.address) {
		v.faultf("must be on loopback, such as %s, because `database` is left out: the private PostgreSQL is for trying "+
			"things out on one machine. Give `database` to serve other machines", def)
	}
	for _, other := range v.l.listeners {
		switch {
		case !sameAddress(me.address, other.address):
		case v.given():
			v.faultf("is the address of %s too; choose another port", other.path)
		default:
			other.faultf("is the address of %s too, unless you set that; choose another port", v.path)
		}
	}
	v.l.listeners = append(v.l.listeners, me)
	return me.address
}

func (v value) address(def string) string {
	v.describePattern(`^[A-Za-z0-9.:%_\[\]-]*:[0-9]+$`, def)
	s, ok := v.scalar()
	if !ok {
		return def
	}
	host, port, err := net.SplitHostPort(s.text)
	if err != nil || !portNumber(port) || !hostName.MatchString(host) {
		v.faultf("must be host:port, such as %s, or :8080 for every network, not %s", def, s.shown)
		return def
	}
	return s.text
}

// sameAddress reports whether a and b need the same port of the same address. Port 0
// is any free port.
func sameAddress(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	return portA == portB && portA != "0" && (hostA == hostB || everywhere(hostA) || everywhere(hostB))
}

func everywhere(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

func portNumber(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func loopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}

// loopback reports whether host is reached from this machine only. Names other than
// localhost are not looked up, and count as not.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || host == "localhost"
}
