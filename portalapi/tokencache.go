package portalapi

import (
	"crypto/sha256"
	"sync"
	"time"
)

// tokenCache holds verified tokens by their digest, because checking a signature is the most
// expensive part of a request. It holds at most twice [cachedTokens], in two generations, and only
// tokens that were verified with the current keys.
type tokenCache struct {
	mu    sync.Mutex
	keys  *keySet
	young map[[sha256.Size]byte]cachedToken
	old   map[[sha256.Size]byte]cachedToken
}

const cachedTokens = 4096

type cachedToken struct {
	principal *principal
	expires   time.Time
}

func (c *tokenCache) get(token string, keys *keySet, now time.Time) *principal {
	sum := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys != keys {
		return nil
	}
	found, ok := c.young[sum]
	if !ok {
		found, ok = c.old[sum]
	}
	if !ok || !now.Before(found.expires) {
		return nil
	}
	return found.principal
}

func (c *tokenCache) put(token string, keys *keySet, p *principal, expires time.Time) {
	sum := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys != keys {
		c.keys, c.young, c.old = keys, nil, nil
	}
	if c.young == nil || len(c.young) >= cachedTokens {
		c.young, c.old = make(map[[sha256.Size]byte]cachedToken), c.young
	}
	c.young[sum] = cachedToken{p, expires}
}
