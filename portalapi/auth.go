package portalapi

import (
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

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

// Auth configures which bearer tokens are accepted.
type Auth struct {
	Issuer   string // must equal iss
	Audience string // must be in aud
	// JWKSURL or JWKSFile, never both, has the issuer's public keys. A file is read again every
	// second, a URL every quarter of an hour; both also when a token names an unknown key.
	JWKSURL  string
	JWKSFile string
	// TenantClaim is the name of the claim with the tenant. Empty: tenant.
	TenantClaim string
	// Types are the accepted types of token (the header typ, RFC 9068 §2.1), in lower case; jwt also
	// stands for a token without a type. nil: at+jwt and jwt.
	Types []string
	// MaxLifetime is how long a token may be valid, from iat, or from now if it has none. 0:
	// a day.
	MaxLifetime time.Duration
	// ScopeArray means that scope is an array of texts, which some providers send, and not one text
	// with spaces (RFC 9068 §2.2.3).
	ScopeArray bool
}

const (
	scopeRead   = "dossier:read"
	scopeGrants = "dossier:grants"

	// leeway is how much the issuer's clock may differ from ours.
	leeway   = 60 * time.Second
	maxToken = 8 << 10 // bytes of a token
	maxUser  = 255     // bytes of a user's id
)

// principal is the user of a token.
type principal struct {
	tenant *Tenant
	user   string
	scopes []string
}

func (p *principal) identity() store.Identity {
	return store.Identity{Tenant: p.tenant.ID, User: p.user}
}

// authenticator verifies tokens.
type authenticator struct {
	options Auth
	tenants map[string]*Tenant
	keys    *keyring
	now     func() time.Time
	cache   tokenCache
}

func newAuthenticator(
	o Auth, tenants map[string]*Tenant, now func() time.Time, log *zap.Logger,
) (*authenticator, error) {
	if o.Issuer == "" || o.Audience == "" {
		return nil, errors.New("tokens need an issuer and an audience")
	}
	if o.TenantClaim == "" {
		o.TenantClaim = "tenant"
	}
	if o.Types == nil {
		o.Types = []string{"at+jwt", "jwt"}
	}
	if o.MaxLifetime == 0 {
		o.MaxLifetime = 24 * time.Hour
	}
	keys, err := newKeyring(o, now, log)
	if err != nil {
		return nil, err
	}
	return &authenticator{options: o, tenants: tenants, keys: keys, now: now}, nil
}

// authenticate returns the user of the request's token. It fails with [web.InvalidToken], or with
// [web.Unavailable] while the issuer's keys were never read.
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

// bearer returns the token of the Authorization header, which must occur once (RFC 6750 §2.1).
func bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		// Without a token the challenge has no error code (RFC 6750 §3.1).
		return "", &web.Problem{Type: web.InvalidToken, Challenge: challenge,
			Detail: "Er is geen toegangsbewijs meegestuurd."}
	}
	scheme, token, found := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !found || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", invalidToken(errors.New("the Authorization header is not one bearer token"))
	}
	return token, nil
}

const challenge = `Bearer realm="dossiersync"`

// invalidToken returns a problem without details, because they would help a forger. The cause is
// only logged.
func invalidToken(cause error) error {
	return &web.Problem{Type: web.InvalidToken, Challenge: challenge + `, error="invalid_token"`,
		Detail: "Het toegangsbewijs is niet (meer) geldig.", Cause: cause}
}

// verify checks a token's signature and claims, and returns its user and expiry.
func (a *authenticator) verify(token string, keys *keySet) (*principal, time.Time, error) {
	payload, typ, err := keys.verify(token)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !slices.Contains(a.options.Types, typ) {
		return nil, time.Time{}, errors.New("tokens of this type are not accepted")
	}
	claims := jwt.New()
	if json.Unmarshal(payload, claims) != nil || checkKind(payload) != nil {
		return nil, time.Time{}, errors.New("the claims cannot be read, or belong to another kind of token")
	}
	err = jwt.Validate(claims,
		jwt.WithIssuer(a.options.Issuer), jwt.WithAudience(a.options.Audience),
		jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithRequiredClaim(jwt.SubjectKey),
		jwt.WithAcceptableSkew(leeway), jwt.WithClock(jwt.ClockFunc(a.now)))
	if err != nil {
		return nil, time.Time{}, errors.New("the issuer, the audience or the time does not fit")
	}
	expires, _ := claims.Expiration()
	since, ok := claims.IssuedAt()
	if !ok {
		since = a.now()
	}
	if expires.Sub(since) > a.options.MaxLifetime+leeway {
		return nil, time.Time{}, errors.New("the token is valid for longer than is accepted")
	}
	user, _ := claims.Subject()
	if !validUser(user) {
		return nil, time.Time{}, errors.New("the subject is not a possible user id")
	}
	var id string
	if claims.Get(a.options.TenantClaim, &id) != nil || a.tenants[id] == nil {
		return nil, time.Time{}, errors.New("the tenant is not configured")
	}
	scopes, err := a.scopes(claims)
	return &principal{a.tenants[id], user, scopes}, expires, err
}

// checkKind fails if the claims are those of a token that is bound to a certificate or a key, which
// is not checked here (cnf, RFC 8705 §3 and RFC 9449 §6), or of an ID token (OpenID Connect Core
// §3.3.2.11), or if a time is not a number (RFC 7519 §2).
func checkKind(payload []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil {
		return err
	}
	for _, name := range []string{"cnf", "at_hash", "c_hash"} {
		if _, ok := raw[name]; ok {
			return fmt.Errorf("it has %s", name)
		}
	}
	for _, name := range []string{jwt.ExpirationKey, jwt.NotBeforeKey, jwt.IssuedAtKey} {
		var number float64
		if text, ok := raw[name]; ok && json.Unmarshal(text, &number) != nil {
			return fmt.Errorf("%s is not a number", name)
		}
	}
	return nil
}

// scopes returns the token's scopes. The form that was not configured is refused.
func (a *authenticator) scopes(claims jwt.Token) ([]string, error) {
	if !claims.Has("scope") {
		return nil, nil
	}
	if !a.options.ScopeArray {
		var text string
		if claims.Get("scope", &text) != nil {
			return nil, errors.New("the scope is not a text")
		}
		return strings.Fields(text), nil
	}
	var list []any
	if claims.Get("scope", &list) != nil {
		return nil, errors.New("the scope is not an array")
	}
	var scopes []string
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, errors.New("the scope is not an array of texts")
		}
		scopes = append(scopes, text)
	}
	return scopes, nil
}

// validUser reports whether s is a possible user id.
func validUser(s string) bool { return s != "" && validText(s, maxUser) }

// validText reports whether s is at most limit bytes of UTF-8 without control characters.
func validText(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// requireScope fails with [web.MissingScope] unless the token has the scope.
func (p *principal) requireScope(scope string) error {
	if slices.Contains(p.scopes, scope) {
		return nil
	}
	return &web.Problem{Type: web.MissingScope, Detail: "Het toegangsbewijs heeft de scope " + scope + " niet.",
		Challenge: fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, challenge, scope)}
}
