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

// place returns where to go after logging in: a page of the console, whatever the
// address says.
func place(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/log") {
		return "/"
	}
	return u.EscapedPath()
}

func (h *Handler) showLogin(c *call, status int, next, failure string) error {
	return h.show(c, status, console.Page{Title: "Log in", Here: "login", Body: console.LoginPage{Next: next, Failure: failure}})
}

func (h *Handler) loginPage(c *call) error {
	q := web.ReadQuery(c.r, "next")
	next := place(q.Text("next"))
	if len(h.users) == 0 || h.bySession(c.r) != nil {
		return c.goTo(next)
	}
	return h.showLogin(c, http.StatusOK, next, "")
}

// logIn begins a session for whose token the form brings.
func (h *Handler) logIn(c *call) error {
	form, err := c.form("token", "next")
	if err != nil {
		return err
	}
	next := place(form.Get("next"))
	if len(h.users) == 0 {
		return c.goTo(next)
	}
	token := strings.TrimSpace(form.Get("token"))
	u := h.byToken(token)
	if u == nil {
		p := h.refuse(c)
		if p.Type == web.TooMany {
			c.w.Header().Set("Retry-After", strconv.Itoa(int(p.Retry.Seconds())))
			return h.showLogin(c, p.Status(), next, "This token is nobody's, and too many such came from your address. Wait half a minute.")
		}
		return h.showLogin(c, p.Status(), next, "This token is nobody's.")
	}
	http.SetCookie(c.w, sessionCookie(c.r, h.sessions.begin(u.Name, token)))
	h.log.Info("an operator logs in", zap.String("by", u.Name))
	return c.goTo(next)
}

// logOut ends the session, here and in the browser.
func (h *Handler) logOut(c *call) error {
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
