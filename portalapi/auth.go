package portalapi

import (
	"dossiersync/portalapi/web"

	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v3/jwt"
	"go.uber.org/zap"

	"dossiersync/store"
)

// Auth says which bearer tokens are accepted.
type Auth struct {
	Issuer   string // must equal iss
	Audience string // must be in aud
	// JWKSURL or JWKSFile, never both, has the issuer's public keys. A file is
	// read again when it changes; a URL every quarter of an hour, and when a
	// token names a key that is not known.
	JWKSURL  string
	JWKSFile string
	// TenantClaim is the claim that names the tenant. Empty: tenant.
	TenantClaim string
}

const (
	scopeRead   = "dossier:read"
	scopeGrants = "dossier:grants"

	// leeway is how far the issuer's clock may be from ours.
	leeway = 60 * time.Second
	// maxToken is how long a token may be, in bytes.
	maxToken = 8 << 10
	// maxUser is how long a user's id may be, in bytes.
	maxUser = 255
)

// principal is who a token stands for.
type principal struct {
	tenant *Tenant
	user   string
	scopes []string
}

func (p *principal) identity() store.Identity {
	return store.Identity{Tenant: p.tenant.ID, User: p.user}
}

// authenticator tells whom a token stands for.
type authenticator struct {
	options Auth
	tenants map[string]*Tenant
	keys    *keyring
	now     func() time.Time
	cache   tokenCache
}

func newAuthenticator(o Auth, tenants map[string]*Tenant, now func() time.Time, log *zap.Logger) (*authenticator, error) {
	if o.Issuer == "" || o.Audience == "" {
		return nil, errors.New("tokens need an issuer and an audience")
	}
	if o.TenantClaim == "" {
		o.TenantClaim = "tenant"
	}
	keys, err := newKeyring(o, now, log)
	if err != nil {
		return nil, err
	}
	return &authenticator{options: o, tenants: tenants, keys: keys, now: now}, nil
}

// authenticate returns whom the request's token stands for. It fails with
// [problem.InvalidToken], or with [problem.Unavailable] before the issuer's keys
// could be had.
func (a *authenticator) authenticate(r *http.Request) (*principal, error) {
	token, err := bearer(r)
	if err != nil {
		return nil, err
	}
	keys := a.keys.get(r.Context())
	if keys == nil {
		return nil, &web.Problem{Type: web.Unavailable, Detail: "Of u bent ingelogd, is nu niet na te gaan.",
			Cause: errors.New("no keys to check tokens with")}
	}
	if p := a.cache.get(token, keys, a.now()); p != nil {
		return p, nil
	}
	p, expires, err := a.verify(token, keys)
	if errors.Is(err, errNoKey) {
		if newer := a.keys.renew(r.Context(), keys); newer != keys {
			keys = newer
			p, expires, err = a.verify(token, keys)
		}
	}
	if err != nil {
		return nil, invalidToken(err)
	}
	a.cache.put(token, keys, p, expires.Add(leeway))
	return p, nil
}

// bearer returns the token of the request's one Authorization header (RFC 6750
// §2.1).
func bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		// RFC 6750 §3.1: without a token the challenge has no error code.
		return "", &web.Problem{Type: web.InvalidToken, Challenge: challenge, Detail: "Er is geen toegangsbewijs meegestuurd."}
	}
	scheme, token, found := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !found || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", invalidToken(errors.New("the Authorization header is not one bearer token"))
	}
	return token, nil
}

const challenge = `Bearer realm="dossiersync"`

// invalidToken does not say what is wrong: that helps none but a forger. The
// cause is for the log.
func invalidToken(cause error) error {
	return &web.Problem{Type: web.InvalidToken, Challenge: challenge + `, error="invalid_token"`,
		Detail: "Het toegangsbewijs is niet (meer) geldig.", Cause: cause}
}

// verify checks a token against keys, and returns when it expires.
func (a *authenticator) verify(token string, keys *keySet) (*principal, time.Time, error) {
	payload, err := keys.verify(token)
	if err != nil {
		return nil, time.Time{}, err
	}
	claims := jwt.New()
	if err := json.Unmarshal(payload, claims); err != nil {
		return nil, time.Time{}, errors.New("the claims cannot be read")
	}
	err = jwt.Validate(claims,
		jwt.WithIssuer(a.options.Issuer), jwt.WithAudience(a.options.Audience),
		jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithRequiredClaim(jwt.SubjectKey),
		jwt.WithAcceptableSkew(leeway), jwt.WithClock(jwt.ClockFunc(a.now)))
	if err != nil {
		return nil, time.Time{}, errors.New("the issuer, the audience or the time is not right")
	}
	user, _ := claims.Subject()
	if !validUser(user) {
		return nil, time.Time{}, errors.New("the subject cannot be a user")
	}
	var id, scope string
	if claims.Get(a.options.TenantClaim, &id) != nil || a.tenants[id] == nil {
		return nil, time.Time{}, errors.New("the tenant is none of those configured")
	}
	if claims.Has("scope") && claims.Get("scope", &scope) != nil {
		return nil, time.Time{}, errors.New("the scope is not a text")
	}
	expires, _ := claims.Expiration()
	return &principal{a.tenants[id], user, strings.Fields(scope)}, expires, nil
}

// validUser reports whether s can be a user's id: any printable text of some
// length.
func validUser(s string) bool { return s != "" && validText(s, maxUser) }

// validText reports whether s is at most limit bytes of UTF-8 without control
// characters.
func validText(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// allow fails with [problem.MissingScope] unless p has the scope.
func (p *principal) allow(scope string) error {
	if slices.Contains(p.scopes, scope) {
		return nil
	}
	return &web.Problem{Type: web.MissingScope, Detail: "Het toegangsbewijs heeft de scope " + scope + " niet.",
		Challenge: fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, challenge, scope)}
}
