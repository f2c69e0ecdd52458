package config

// TLS is the certificate of a listener. Zero: plain HTTP.
type TLS struct {
	CertFile string // PEM, with intermediates
	KeyFile  string // PEM
	// ClientCAFile makes a client certificate mandatory that one of these authorities
	// signed. Empty: no client certificate is asked for.
	ClientCAFile string
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

// pair makes it a fault that one of two keys is given without the other.
func (s *section) pair(a, b string) {
	switch first, second := s.key(a), s.key(b); {
	case first.filled() && !second.filled():
		first.faultf("needs %s beside it", b)
	case second.filled() && !first.filled():
		second.faultf("needs %s beside it", a)
	}
}
