package config

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// ops reads the operators' section; private says that the database is.
func (v value) ops(private bool, tenants []Tenant) Ops {
	s := v.section()
	defer s.end()
	o := Ops{
		Listen:       s.key("listen").listener("127.0.0.1:8081", private),
		TLS:          s.key("tls").tls(),
		MetricsToken: s.key("metrics").metrics(),
	}
	users := s.key("users")
	names, tokens := map[string]string{}, map[Credential]string{}
	for _, item := range users.list() {
		u := item.user(names, tenants)
		if other, taken := tokens[u.Token]; taken && !u.Token.IsZero() {
			item.faultf("has the same token as %s; give each user their own, or nobody can tell who did what", other)
		} else {
			tokens[u.Token] = item.path
		}
		o.Users = append(o.Users, u)
	}
	if !loopbackAddress(o.Listen) && users.empty() {
		users.faultf("must name at least one user, because ops.listen is open to other machines; or set ops.listen to 127.0.0.1:8081")
	}
	if o.TLS.CertFile == "" && !loopbackAddress(o.Listen) {
		s.key("listen").warnf("answers other machines over plain http, tokens included; give tls, or make sure that something in front of it encrypts")
	}
	return o
}

func (v value) metrics() Credential {
	s := v.section()
	defer s.end()
	return s.hardToGuess("token", s.credential("token"))
}

// leastToken is how many characters a token has that nobody can guess, however
// often they try.
const leastToken = 20

// hardToGuess returns the credential with that name, and warns where it is not long
// enough.
func (s *section) hardToGuess(name string, c Credential) Credential {
	at, text := s.key(name), []byte(c.Value)
	if c.File != "" {
		at = s.key(name + "_file")
		text, _ = s.l.readFile(c.File) // it could be read just now
	}
	if n := utf8.RuneCount(bytes.TrimSpace(text)); n < leastToken && !c.IsZero() {
		at.warnf("holds a token of %d characters, which can be guessed; give it %d or more: openssl rand -hex 24", n, leastToken)
	}
	return c
}

func (v value) user(names map[string]string, tenants []Tenant) User {
	s := v.section()
	defer s.end()
	return User{
		Name:    s.key("name").required("give the name under which this user's actions are recorded").distinct(names),
		Token:   s.hardToGuess("token", s.requiredCredential("token")),
		Tenants: s.key("tenants").tenantIDs(tenants),
		May:     subset(s.key("may").items("list one or more of read, resync, approve"), "read", "resync", "approve"),
	}
}

// tenantIDs reads a list of ids that tenants have.
func (v value) tenantIDs(tenants []Tenant) []string {
	var ids []string
	for _, t := range tenants {
		ids = append(ids, t.ID)
	}
	var named []string
	for _, item := range v.items(`list the tenants' ids, or ["*"] for all`) {
		item.describeText("")
		id, ok := item.scalar()
		switch {
		case !ok:
		case id.text == "*":
			named = append(named, ids...)
		case !slices.Contains(ids, id.text):
			item.faultf("no tenant has the id %s; the ids are under tenants, and \"*\" stands for all of them", id.shown)
		default:
			named = append(named, id.text)
		}
	}
	return named
}
