package ops

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"dossiersync/portalapi/web"
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

// checkUsers makes sure that what is done in a name was done by its owner: a name
// has one token, and a token one name.
func checkUsers(users []User) error {
	names := make(map[string]bool, len(users))
	tokens := make(map[string]string, len(users))
	for _, u := range users {
		if u.Name == "" || names[u.Name] || u.Token == nil {
			return fmt.Errorf("user %q has no name of their own or no token", u.Name)
		}
		names[u.Name] = true
		token, err := u.Token()
		if err != nil || token == "" {
			continue // cannot log in now, says Token
		}
		if other, taken := tokens[token]; taken {
			return fmt.Errorf("users %q and %q have the same token: nobody could tell who did what", other, u.Name)
		}
		tokens[token] = u.Name
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
func (h *Handler) admit(c *call, v verb) (*User, error) {
	if v == nothing {
		return nil, nil
	}
	if err := h.origins.Check(c.r); err != nil {
		return nil, &web.Problem{Type: web.NotAllowed, Detail: "Dit verzoek komt van een andere website.", Cause: err}
	}
	if v == scrape && h.isScraper(c.r) {
		return nil, nil
	}
	if len(h.users) == 0 {
		if !loopback(c.r.Host) {
			return nil, &web.Problem{Type: web.NotAllowed,
				Detail: "Zonder ops.users is dit alleen bereikbaar als localhost of 127.0.0.1.", Cause: errors.New("not a loopback name")}
		}
		return nil, nil
	}
	if v == visit {
		return nil, nil
	}
	u, err := h.whoAsks(c)
	if err != nil {
		return nil, err
	}
	if v == scrape {
		return u, h.maySeeAll(u)
	}
	return u, u.must(v)
}

// must fails where the user may not do what v names.
func (u *User) must(v verb) error {
	if u.may(v) {
		return nil
	}
	return &web.Problem{Type: web.NotAllowed, Detail: "Hiervoor is het recht " + string(v) + " nodig."}
}

// unknownToken asks a program that brings no token, or nobody's, for one.
func unknownToken() *web.Problem {
	return &web.Problem{Type: web.InvalidToken, Challenge: `Bearer realm="dossiersync operators"`,
		Detail: "Stuur het token van een van ops.users mee."}
}

// whoAsks returns the user whose session a browser brings, or whose token a
// program does.
func (h *Handler) whoAsks(c *call) (*User, error) {
	if c.page {
		if u := h.bySession(c.r); u != nil {
			return u, nil
		}
		return nil, &web.Problem{Type: web.InvalidToken, Detail: "Log in."}
	}
	token := bearer(c.r)
	if token == "" {
		return nil, unknownToken()
	}
	u := h.byToken(token)
	if u == nil {
		return nil, h.refuse(c)
	}
	return u, nil
}

// byToken returns the user whose token it is, or nil. It compares with every
// user's, however early one fits, and takes as long for each. A token that two
// have is nobody's.
func (h *Handler) byToken(token string) *User {
	if token == "" {
		return nil
	}
	var found []*User
	for i := range h.users {
		same, err := sameToken(token, h.users[i].Token)
		if err != nil {
			h.log.Warn("a user's token cannot be read", zap.String("user", h.users[i].Name), zap.Error(err))
		}
		if same {
			found = append(found, &h.users[i])
		}
	}
	if len(found) > 1 {
		h.log.Error("two users have the same token; it is refused", zap.String("user", found[0].Name), zap.String("other", found[1].Name))
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// bearer returns the token that the request brings, or nothing.
func bearer(r *http.Request) string {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// asksForPage reports whether a browser asks for something to show.
func asksForPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
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
