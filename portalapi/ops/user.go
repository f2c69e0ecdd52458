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

// User is an operator.
type User struct {
	Name string // recorded with every action
	// Token returns the user's token. It is called for every request, so that a token can be
	// replaced. While it fails or returns nothing, the user cannot log in.
	Token   func() (string, error)
	Tenants []string
	May     []string // of read, resync, approve
}

// checkUsers fails if two users have the same name or the same token, because an action could not
// be attributed to one of them.
func checkUsers(users []User) error {
	names := make(map[string]bool, len(users))
	tokens := make(map[string]string, len(users))
	for _, u := range users {
		if u.Name == "" || names[u.Name] || u.Token == nil {
			return fmt.Errorf("user %q has no name, the name of another user, or no token", u.Name)
		}
		names[u.Name] = true
		token, err := u.Token()
		if err != nil || token == "" {
			continue // the user cannot log in
		}
		if other, taken := tokens[token]; taken {
			return fmt.Errorf("users %q and %q have the same token, so their actions could not be told apart", other, u.Name)
		}
		tokens[token] = u.Name
	}
	return nil
}

// sees reports whether the tenant is the user's. Without users, all tenants are.
func (u *User) sees(tenant string) bool { return u == nil || slices.Contains(u.Tenants, tenant) }

func (u *User) may(v verb) bool { return u == nil || slices.Contains(u.May, string(v)) }

// name returns the user's name, or nothing without users.
func (u *User) name() string {
	if u == nil {
		return ""
	}
	return u.Name
}

// authorize returns the user of the request, or nil where none is needed. It fails if the user does
// not have the permission v.
func (h *Handler) authorize(c *call, v verb) (*User, error) {
	if v == anyone {
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
			return nil, &web.Problem{Type: web.NotAllowed, Cause: errors.New("the host is not a loopback name"),
				Detail: "Zonder ops.users is dit alleen bereikbaar als localhost of 127.0.0.1."}
		}
		return nil, nil
	}
	if v == sameSite {
		return nil, nil
	}
	u, err := h.userOf(c)
	if err != nil {
		return nil, err
	}
	if v == scrape {
		return u, h.maySeeAll(u)
	}
	return u, u.require(v)
}

// require fails if the user does not have the permission v.
func (u *User) require(v verb) error {
	if u.may(v) {
		return nil
	}
	return &web.Problem{Type: web.NotAllowed, Detail: "Hiervoor is het recht " + string(v) + " nodig."}
}

// tokenRequired returns the problem of a program without a valid token.
func tokenRequired() *web.Problem {
	return &web.Problem{Type: web.InvalidToken, Challenge: `Bearer realm="dossiersync operators"`,
		Detail: "Stuur het token van een van ops.users mee."}
}

// userOf returns the user of the request: of a page by its session, of the API by its token.
func (h *Handler) userOf(c *call) (*User, error) {
	if c.page {
		if u := h.userBySession(c.r); u != nil {
			return u, nil
		}
		return nil, &web.Problem{Type: web.InvalidToken, Detail: "Log in."}
	}
	token := bearer(c.r)
	if token == "" {
		return nil, tokenRequired()
	}
	u := h.userByToken(token)
	if u == nil {
		return nil, h.wrongToken(c)
	}
	return u, nil
}

// userByToken returns the user with the token, or nil. It compares all tokens in constant time, so
// that the time does not depend on the user. A token of two users is refused.
func (h *Handler) userByToken(token string) *User {
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
		h.log.Error("two users have the same token; it is refused",
			zap.String("user", found[0].Name), zap.String("other", found[1].Name))
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// bearer returns the request's bearer token, or nothing.
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

// asksForPage reports whether the request comes from a browser that wants a page.
func asksForPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// loopback reports whether a Host header is a loopback name or address.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
