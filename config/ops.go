package config

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Ops is the operators' side.
type Ops struct {
	Listen string // host:port
	// Database is the database's address with a log-in that cannot read what dossiers say. Zero:
	// [Config.Database].
	Database Credential
	TLS      TLS
	// MetricsToken opens the metrics of all tenants, and nothing else. Zero: only users
	// who may read all tenants see them.
	MetricsToken Credential
	// Users may be empty only if Listen is on loopback.
	Users []User
}

// User is one operator.
type User struct {
	Name  string // unique; what the user does is recorded under it
	Token Credential
	// Tenants are the ids of the tenants that the user sees; "*" in the file is written
	// out here.
	Tenants []string
	May     []string // one or more of "read", "resync" and "approve"
}

// ops reads the operators' section; private is true without a database of the
// operator's own.
func (v value) ops(private bool, tenants []Tenant) Ops {
	s := v.section()
	defer s.end()
	o := Ops{
		Listen:       s.key("listen").listener("127.0.0.1:8081", private),
		Database:     s.database(),
		TLS:          s.key("tls").tls(),
		MetricsToken: s.key("metrics").metrics(),
	}
	if private && !o.Database.IsZero() {
		s.faultf("has a database for operators, while the replica itself has none; give `database` too, or remove both")
	}
	users := s.key("users")
	names, tokens := map[string]string{}, map[Credential]string{}
	for _, item := range users.list() {
		u := item.user(names, tenants)
		if other, taken := tokens[u.Token]; taken && !u.Token.IsZero() {
			item.faultf("has the same token as %s; "+
				"give each user their own, so that their actions can be told apart", other)
		} else {
			tokens[u.Token] = item.path
		}
		o.Users = append(o.Users, u)
	}
	if !loopbackAddress(o.Listen) && users.empty() {
		users.faultf("must name at least one user, because ops.listen is open to other machines; or set ops.listen to 127.0.0.1:8081")
	}
	if o.TLS.CertFile == "" && !loopbackAddress(o.Listen) {
		s.key("listen").warnf("answers other machines over plain http, tokens included; " +
			"give tls, or make sure that something in front of it encrypts")
	}
	return o
}

func (v value) metrics() Credential {
	s := v.section()
	defer s.end()
	return s.hardToGuess("token", s.credential("token"))
}

// leastToken is the number of characters from which a token is not guessed, however
// often it is tried.
const leastToken = 20

// hardToGuess returns c, which is under the key name, and warns if it is too short.
func (s *section) hardToGuess(name string, c Credential) Credential {
	at, text := s.key(name), []byte(c.Value)
	if c.File != "" {
		at = s.key(name + "_file")
		text, _ = s.l.readFile(c.File) // it could be read a moment ago
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

// tenantIDs reads a list of ids of the tenants.
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
