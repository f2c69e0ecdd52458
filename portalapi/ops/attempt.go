package ops

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// wrongTokens is how many wrong tokens one address may try at once, and
	// wrongEvery how often one more after that.
	wrongTokens = 5
	wrongEvery  = 30 * time.Second
	// wrongers is how many addresses are remembered: when there are more, all are
	// forgotten.
	wrongers = 10_000
)

// attempts limits how often one address may try to log in with a wrong token.
type attempts struct {
	now func() time.Time

	mu sync.Mutex
	by map[netip.Prefix]*rate.Limiter
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, by: make(map[netip.Prefix]*rate.Limiter)}
}

// may reports whether the address may try now. One try is taken from it, which a
// right token gives back by [attempts.right].
func (a *attempts) may(remote string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.by) > wrongers {
		clear(a.by)
	}
	from := network(remote)
	l := a.by[from]
	if l == nil {
		l = rate.NewLimiter(rate.Every(wrongEvery), wrongTokens)
		a.by[from] = l
	}
	return l.AllowN(a.now(), 1)
}

// right forgets the wrong tries of the address.
func (a *attempts) right(remote string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.by, network(remote))
}

// network returns what counts as one address: of IPv6 the network, whose owner has
// more addresses than could be counted.
func network(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked()
}
