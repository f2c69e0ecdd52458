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
	// An address may try wrongTokenBurst wrong tokens at once, and one more every wrongTokenEvery.
	// This keeps guesses from filling the log; the length of tokens keeps them from succeeding.
	wrongTokenBurst = 5
	wrongTokenEvery = 30 * time.Second
	// maxAddresses is how many addresses are remembered; beyond that, all are forgotten.
	maxAddresses = 10_000
)

// wrongTokenLimits limits wrong tokens by address. Right tokens do not count, because many people
// may share the address of a proxy.
type wrongTokenLimits struct {
	now func() time.Time

	mu        sync.Mutex
	addresses map[netip.Prefix]*rate.Limiter
}

func newWrongTokenLimits(now func() time.Time) *wrongTokenLimits {
	return &wrongTokenLimits{now: now, addresses: make(map[netip.Prefix]*rate.Limiter)}
}

// allow counts a wrong token from the address, and reports whether it is within the limit.
func (a *wrongTokenLimits) allow(remote string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.addresses) > maxAddresses {
		clear(a.addresses)
	}
	from := addressRange(remote)
	l := a.addresses[from]
	if l == nil {
		l = rate.NewLimiter(rate.Every(wrongTokenEvery), wrongTokenBurst)
		a.addresses[from] = l
	}
	return l.AllowN(a.now(), 1)
}

// wrongToken returns the problem of a wrong token; beyond the limit it is [web.TooMany].
func (h *Handler) wrongToken(c *call) *web.Problem {
	if h.wrongTokens.allow(c.r.RemoteAddr) {
		h.log.Warn("a wrong token is refused", zap.String("route", c.pattern))
		return tokenRequired()
	}
	return &web.Problem{Type: web.TooMany, Retry: wrongTokenEvery,
		Detail: "Er kwamen te veel verkeerde tokens van dit adres. Wacht een halve minuut."}
}

// addressRange returns the addresses that share a limit: one of IPv4, or a /64 network of IPv6,
// because its owner can use all of its addresses.
func addressRange(remote string) netip.Prefix {
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
