package ops

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"dossiersync/portalapi/problem"
)

// User is one operator.
type User struct {
	Name string // shown in the record of what was done
	// Token returns the user's token. It is asked for every request, so that a
	// token can be replaced; while it fails or is empty, the user cannot log in.
	Token   func() (string, error)
	Tenants []string
	May     []string // of read, resync, approve
}

func checkUsers(users []User) error {
	names := make(map[string]bool, len(users))
	for _, u := range users {
		if u.Name == "" || names[u.Name] || u.Token == nil {
			return fmt.Errorf("user %q has no name of their own or no token", u.Name)
		}
		names[u.Name] = true
	}
	return nil
}

// sees reports whether the tenant is the user's. Nobody in particular sees all.
func (u *User) sees(tenant string) bool { return u == nil || slices.Contains(u.Tenants, tenant) }

func (u *User) may(v verb) bool { return u == nil || slices.Contains(u.May, string(v)) }

// name returns under what name to record what the user does.
func (u *User) name() string {
	if u == nil {
		return ""
	}
	return u.Name
}

// admit returns who asks, nil for nobody in particular, and fails where they may
// not do what v names.
func (h *Handler) admit(r *http.Request, v verb) (*User, error) {
	if v == nothing {
		return nil, nil
	}
	if err := h.origins.Check(r); err != nil {
		return nil, &problem.Problem{Type: problem.NotAllowed, Detail: "Dit verzoek komt van een andere website.", Cause: err}
	}
	if v == scrape && h.isScraper(r) {
		return nil, nil
	}
	if len(h.users) == 0 {
		if !loopback(r.Host) {
			return nil, &problem.Problem{Type: problem.NotAllowed,
				Detail: "Zonder ops.users is dit alleen bereikbaar als localhost of 127.0.0.1.", Cause: errors.New("not a loopback name")}
		}
		return nil, nil
	}
	u, err := h.authenticate(r)
	if err != nil {
		return nil, err
	}
	if v == scrape {
		return u, h.maySeeAll(u)
	}
	if !u.may(v) {
		return nil, &problem.Problem{Type: problem.NotAllowed, Detail: "Hiervoor is het recht " + string(v) + " nodig."}
	}
	return u, nil
}

// authenticate returns the user whose token the request brings. It compares with
// every user's, however early one fits, and takes as long for each.
func (h *Handler) authenticate(r *http.Request) (*User, error) {
	refused := &problem.Problem{Type: problem.InvalidToken, Challenge: `Bearer realm="dossiersync operators"`,
		Detail: "Stuur het token van een van ops.users mee."}
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return nil, refused
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, refused
	}
	got := sha256.Sum256([]byte(token))
	var found *User
	for i := range h.users {
		want, err := h.users[i].Token()
		if err != nil {
			h.log.Warn("a user's token cannot be read", zap.String("user", h.users[i].Name), zap.Error(err))
			continue
		}
		sum := sha256.Sum256([]byte(want))
		if subtle.ConstantTimeCompare(got[:], sum[:]) == 1 && want != "" {
			found = &h.users[i]
		}
	}
	if found == nil {
		return nil, refused
	}
	return found, nil
}

// loopback reports whether a Host header names this machine to itself.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
