package ops

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"dossiersync/portalapi/web"
)

const (
	// wrongTokens is how many wrong tokens one address may try at once, and
	// wrongEvery how often one more after that. Guessing is kept from success by how
	// long tokens must be; this keeps it from filling the log.
	wrongTokens = 5
	wrongEvery  = 30 * time.Second
	// wrongers is how many addresses are remembered: when there are more, all are
	// forgotten.
	wrongers = 10_000
)

// attempts limits how often one address is told that a token is wrong. A right one
// never counts: behind a proxy many people have one address.
type attempts struct {
	now func() time.Time

	mu sync.Mutex
	by map[netip.Prefix]*rate.Limiter
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, by: make(map[netip.Prefix]*rate.Limiter)}
}

// more reports whether one more wrong token of the address is within the limit, and
// counts it.
func (a *attempts) more(remote string) bool {
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

// refuse says that the token that came is nobody's, or, beyond the limit, that too
// many such came.
func (h *Handler) refuse(c *call) *web.Problem {
	if h.attempts.more(c.r.RemoteAddr) {
		h.log.Warn("a wrong token is refused", zap.String("route", c.pattern))
		return unknownToken()
	}
	return &web.Problem{Type: web.TooMany, Retry: wrongEvery,
		Detail: "Er kwamen te veel verkeerde tokens van dit adres. Wacht een halve minuut."}
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
