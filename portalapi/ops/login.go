package ops

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/web"
)

// nextPage returns the page to show after logging in. Any URL that is not a page of the console
// becomes the overview.
func nextPage(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/log") {
		return "/"
	}
	return u.EscapedPath()
}

func (h *Handler) showLogin(c *call, status int, next, failure string) error {
	body := console.LoginPage{Next: next, Failure: failure}
	return h.show(c, status, console.Page{Title: "Log in", Here: "login", Body: body})
}

func (h *Handler) loginPage(c *call) error {
	q := web.ReadQuery(c.r, "next")
	next := nextPage(q.Text("next"))
	if len(h.users) == 0 || h.userBySession(c.r) != nil {
		return c.goTo(next)
	}
	return h.showLogin(c, http.StatusOK, next, "")
}

// postLogin begins a session for the user of the form's token.
func (h *Handler) postLogin(c *call) error {
	form, err := c.form("token", "next")
	if err != nil {
		return err
	}
	next := nextPage(form.Get("next"))
	if len(h.users) == 0 {
		return c.goTo(next)
	}
	token := strings.TrimSpace(form.Get("token"))
	u := h.userByToken(token)
	if u == nil {
		p := h.wrongToken(c)
		if p.Type == web.TooMany {
			c.w.Header().Set("Retry-After", strconv.Itoa(int(p.Retry.Seconds())))
			return h.showLogin(c, p.Status(), next, tooManyTokensText)
		}
		return h.showLogin(c, p.Status(), next, wrongTokenText)
	}
	http.SetCookie(c.w, sessionCookie(c.r, h.sessions.begin(u.Name, token)))
	h.log.Info("an operator logs in", zap.String("by", u.Name))
	return c.goTo(next)
}

// postLogout ends the session, and deletes the cookie.
func (h *Handler) postLogout(c *call) error {
	if _, err := c.form(); err != nil {
		return err
	}
	if value, u, until := h.session(c.r); u != nil {
		h.sessions.end(value, until)
		h.log.Info("an operator logs out", zap.String("by", u.Name))
	}
	http.SetCookie(c.w, sessionCookie(c.r, ""))
	return c.goTo("/login")
}
