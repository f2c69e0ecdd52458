package config

import (
	"net/url"
	"strings"
	"time"
)

// PortalAPI is the read side.
type PortalAPI struct {
	Listen string // host:port
	// Database is the database's address with the reader's log-in. Zero: derived from
	// [Config.Database].
	Database Credential
	// Replicas are the addresses of streaming standbys with the reader's log-in.
	Replicas []Credential
	// ProofKeyFile holds the secret with which the portal API proves to the database for whom it asks.
	// It need not exist.
	ProofKeyFile string
	TLS          TLS
	Auth         TokenAuth
	// CheckActor: single grants are changed only on behalf of people who may manage the dossier.
	CheckActor bool
}

// TokenAuth describes the bearer tokens that the portal API accepts.
type TokenAuth struct {
	Issuer   string // must equal `iss`
	Audience string // must be in `aud`
	// JWKSURL or JWKSFile, never both, has the issuer's public keys.
	JWKSURL     *url.URL
	JWKSFile    string
	TenantClaim string // the claim that names the tenant
	// Types are the accepted types of token (the header typ), in lower case.
	Types []string
	// MaxLifetime is how long a token may be valid.
	MaxLifetime time.Duration
	// ScopeArray: the claim scope is an array of texts.
	ScopeArray bool
}

// portalAPI reads the read side's section; private is true without a database of the
// operator's own.
func (v value) portalAPI(private bool) PortalAPI {
	v.mustBeGiven() // because auth must be
	s := v.section()
	defer s.end()
	p := PortalAPI{
		Listen:       s.key("listen").listener("127.0.0.1:8080", private),
		Database:     s.database(),
		Replicas:     s.key("replicas").replicas(),
		ProofKeyFile: s.key("proof_key_file").filePath(""),
		TLS:          s.key("tls").tls(),
		Auth:         s.key("auth").tokenAuth(),
		CheckActor:   s.key("check_actor").boolean(),
	}
	if private && !p.Database.IsZero() {
		s.faultf("has a database for readers, while the replica itself has none; give `database` too, or remove both")
	}
	if private && len(p.Replicas) > 0 {
		s.key("replicas").faultf("are standbys of the replica's database, which is left out; give `database` too, or remove them")
	}
	if p.TLS.CertFile == "" && !loopbackAddress(p.Listen) {
		s.key("listen").warnf(
			"answers other machines over plain http; give tls, or make sure that something in front of it encrypts")
	}
	return p
}

// replicas reads a list of addresses of standbys.
func (v value) replicas() []Credential {
	var list []Credential
	seen := map[Credential]string{}
	for _, item := range v.list() {
		s := item.section()
		c := s.database()
		s.describeEither("database", "database_file")
		s.end()
		other, taken := seen[c]
		switch {
		case c.IsZero():
			s.faultf("needs database or database_file")
		case taken:
			s.faultf("is the same standby as %s; remove one", other)
		}
		seen[c] = item.path
		list = append(list, c)
	}
	return list
}

func (v value) tokenAuth() TokenAuth {
	s := v.required("give issuer, audience, and jwks_url or jwks_file of the tokens that the portal sends. " +
		"To try things out, make a key for such tokens: dossiersync token key").section()
	defer s.end()
	a := TokenAuth{
		Issuer:      s.key("issuer").required("give the `iss` of the portal's tokens").text(""),
		Audience:    s.key("audience").required("give the `aud` of the portal's tokens").text(""),
		JWKSURL:     s.key("jwks_url").url("https://login.example/jwks"),
		JWKSFile:    s.key("jwks_file").file(),
		TenantClaim: s.key("tenant_claim").text("tenant"),
		Types:       s.key("token_types").tokenTypes(),
		MaxLifetime: s.key("max_lifetime").duration(24 * time.Hour),
		ScopeArray:  s.key("scope_array").boolean(),
	}
	if a.MaxLifetime == 0 && s.key("max_lifetime").given() {
		s.key("max_lifetime").faultf("must be longer than 0s, or no token is accepted")
	}
	s.describeEither("jwks_url", "jwks_file")
	inURL, inFile := s.key("jwks_url").given(), s.key("jwks_file").filled()
	switch {
	case inURL && inFile:
		s.key("jwks_file").faultf("is given as well as jwks_url; keep one of the two")
	case !inURL && !inFile:
		s.faultf("needs jwks_url or jwks_file. To try things out, make a key with dossiersync token key, " +
			"and the file with dossiersync token jwks")
	}
	return a
}

// tokenTypes reads the header typ of the tokens that are accepted.
func (v value) tokenTypes() []string {
	def := []string{"at+jwt", "JWT"}
	v.describe(schema{"default": def, "minItems": 1})
	list := def
	if v.given() || v.schema != nil {
		list = nil
		for _, item := range v.list() {
			list = append(list, item.text(""))
		}
		if v.schema == nil && v.empty() {
			v.faultf("is empty; list the types of token, the header typ, or remove the key")
		}
	}
	var types []string
	for _, t := range list {
		types = append(types, strings.TrimPrefix(strings.ToLower(t), "application/"))
	}
	return types
}
