package config

import (
	"net/url"

	"go.yaml.in/yaml/v3"
)

// Auth is how requests to a source are authenticated. At most one of Basic, Bearer,
// ClientCredentials and PrivateKeyJWT is set, with or without MTLS. Zero: requests are
// not authenticated.
type Auth struct {
	Basic             *Basic
	Bearer            *Bearer
	ClientCredentials *ClientCredentials
	PrivateKeyJWT     *PrivateKeyJWT
	MTLS              *MTLS
}

// Basic is HTTP Basic (RFC 7617).
type Basic struct {
	Username string
	Password Credential
}

// Bearer is a token that stays the same (RFC 6750).
type Bearer struct {
	Token Credential
}

// ClientCredentials fetches tokens with a client's secret (RFC 6749, 4.4).
type ClientCredentials struct {
	TokenURL     *url.URL
	ClientID     string
	ClientSecret Credential
	Scope        string // space-separated; empty: none is asked for
}

// PrivateKeyJWT fetches tokens with a signed assertion, as in SMART Backend
// Services (RFC 7523).
type PrivateKeyJWT struct {
	TokenURL  *url.URL
	ClientID  string
	Key       Credential // PEM
	KID       string     // the id under which the source knows the public key
	Algorithm string     // RS384 or ES384; empty: the one that fits the key
	Scope     string     // space-separated
}

// MTLS is TLS with a client certificate, with authorities of our own choice, or both.
type MTLS struct {
	// CertFile and KeyFile (PEM) are the client certificate, or both empty.
	CertFile string
	KeyFile  string
	// CAFile (PEM) has the authorities that the source's certificate is checked
	// against. Empty: those of the machine.
	CAFile string
}

func (v value) auth() Auth {
	var a Auth
	if v.given() && v.node.Kind == yaml.ScalarNode && !v.null() {
		if s, ok := v.scalar(); ok && s.text != "none" {
			v.faultf("must be none, or a section such as {bearer: {token_file: …}}, not %s", s.shown)
		}
		return a
	}
	s := v.section()
	defer s.end()
	v.describe(schema{"type": []string{"object", "null", "string"}, "pattern": orVariable("^none$")})
	s.key("none").section().end()
	if k := s.key("basic"); k.given() {
		a.Basic = k.basic()
	}
	if k := s.key("bearer"); k.given() {
		a.Bearer = k.bearer()
	}
	if k := s.key("client_credentials"); k.given() {
		a.ClientCredentials = k.clientCredentials()
	}
	if k := s.key("private_key_jwt"); k.given() {
		a.PrivateKeyJWT = k.privateKeyJWT()
	}
	if k := s.key("mtls"); k.given() {
		a.MTLS = k.mtls()
	}
	s.atMostOne("none", "basic", "bearer", "client_credentials", "private_key_jwt")
	return a
}

// atMostOne makes it a fault that more than one of the keys is given.
func (s *section) atMostOne(names ...string) {
	first := ""
	for _, name := range names {
		switch k := s.key(name); {
		case k.given() && first == "":
			first = name
		case k.given():
			k.faultf("is given as well as %s; keep one of the two (only mtls can be combined with another)", first)
		}
	}
}

func (v value) basic() *Basic {
	s := v.section()
	defer s.end()
	return &Basic{
		Username: s.key("username").required("give the user name for the source").text(""),
		Password: s.requiredCredential("password"),
	}
}

func (v value) bearer() *Bearer {
	s := v.section()
	defer s.end()
	return &Bearer{Token: s.requiredCredential("token")}
}

func (v value) clientCredentials() *ClientCredentials {
	s := v.section()
	defer s.end()
	return &ClientCredentials{
		TokenURL:     s.tokenURL(),
		ClientID:     s.clientID(),
		ClientSecret: s.requiredCredential("client_secret"),
		Scope:        s.key("scope").text(""),
	}
}

func (v value) privateKeyJWT() *PrivateKeyJWT {
	s := v.section()
	defer s.end()
	return &PrivateKeyJWT{
		TokenURL:  s.tokenURL(),
		ClientID:  s.clientID(),
		Key:       s.requiredCredential("key"),
		KID:       s.key("kid").required("give the id under which the source knows the public key").text(""),
		Algorithm: s.key("algorithm").oneOf("", "RS384", "ES384"),
		Scope:     s.key("scope").text("system/*.rs"),
	}
}

func (s *section) tokenURL() *url.URL {
	const example = "https://login.ecd.example/token"
	return s.key("token_url").required("give the address that hands out tokens, such as " + example).url(example)
}

func (s *section) clientID() string {
	return s.key("client_id").required("give the id under which the source knows dossiersync").text("")
}

func (v value) mtls() *MTLS {
	s := v.section()
	defer s.end()
	m := &MTLS{
		CertFile: s.key("cert_file").file(),
		KeyFile:  s.key("key_file").file(),
		CAFile:   s.key("ca_file").file(),
	}
	s.pair("cert_file", "key_file")
	if !s.key("cert_file").filled() && !s.key("key_file").filled() && !s.key("ca_file").filled() {
		s.faultf("needs cert_file and key_file, or ca_file, or all three")
	}
	return m
}
