package config

// portalAPI reads the read side's section; private says that the database is.
func (v value) portalAPI(private bool) PortalAPI {
	v.mustBeGiven() // because auth must be
	s := v.section()
	defer s.end()
	p := PortalAPI{
		Listen:   s.key("listen").listener("127.0.0.1:8080", private),
		Database: s.database(),
		TLS:      s.key("tls").tls(),
		Auth:     s.key("auth").tokenAuth(),
	}
	if private && !p.Database.IsZero() {
		s.faultf("has a database for readers, while the replica itself has none; give `database` too, or remove both")
	}
	if p.TLS.CertFile == "" && !loopbackAddress(p.Listen) {
		s.key("listen").warnf("answers other machines over plain http; give tls, or make sure that something in front of it encrypts")
	}
	return p
}

func (v value) tls() TLS {
	s := v.section()
	defer s.end()
	t := TLS{
		CertFile:     s.key("cert_file").file(),
		KeyFile:      s.key("key_file").file(),
		ClientCAFile: s.key("client_ca_file").file(),
	}
	s.pair("cert_file", "key_file")
	if s.key("client_ca_file").filled() && !s.key("cert_file").filled() {
		s.key("client_ca_file").faultf("needs cert_file and key_file: client certificates are only asked for over TLS")
	}
	return t
}

// pair makes it a fault that one of two keys is there without the other.
func (s *section) pair(a, b string) {
	switch first, second := s.key(a), s.key(b); {
	case first.filled() && !second.filled():
		first.faultf("needs %s beside it", b)
	case second.filled() && !first.filled():
		second.faultf("needs %s beside it", a)
	}
}

func (v value) tokenAuth() TokenAuth {
	s := v.required("give issuer, audience, and jwks_url or jwks_file of the tokens that the portal sends. To try things out, `dossiersync token key` makes a key for them").section()
	defer s.end()
	a := TokenAuth{
		Issuer:      s.key("issuer").required("give the `iss` of the portal's tokens").text(""),
		Audience:    s.key("audience").required("give the `aud` of the portal's tokens").text(""),
		JWKSURL:     s.key("jwks_url").url("https://login.example/jwks"),
		JWKSFile:    s.key("jwks_file").file(),
		TenantClaim: s.key("tenant_claim").text("tenant"),
	}
	s.describeEither("jwks_url", "jwks_file")
	inURL, inFile := s.key("jwks_url").given(), s.key("jwks_file").filled()
	switch {
	case inURL && inFile:
		s.key("jwks_file").faultf("is given as well as jwks_url; keep one of the two")
	case !inURL && !inFile:
		s.faultf("needs jwks_url or jwks_file. To try things out, `dossiersync token key` makes a key and `dossiersync token jwks` the file")
	}
	return a
}
