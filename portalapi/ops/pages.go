package ops

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/web"
)

func getPage(needs verb, f func(c *call) error) route  { return route{http.MethodGet, needs, f, true} }
func postPage(needs verb, f func(c *call) error) route { return route{http.MethodPost, needs, f, true} }

// addPages adds what people see.
func (h *Handler) addPages(handle func(pattern string, list ...route)) {
	handle("/{$}", getPage(read, h.overviewPage))
	handle("/tenants/{tenant}", getPage(read, h.tenantPage))
	handle("/tenants/{tenant}/runs", getPage(read, h.runsPage))
	handle("/tenants/{tenant}/resync", postPage(resync, h.askForRun))
	handle("/tenants/{tenant}/reconcile", postPage(resync, h.askForReconcile))
	handle("/tenants/{tenant}/retry", postPage(resync, h.retryTenant))
	handle("/tenants/{tenant}/why", getPage(read, h.whyPage), postPage(read, h.answerWhy))
	handle("/tenants/{tenant}/approve/{stream}", getPage(approve, h.approvePage), postPage(approve, h.approveHeld))
	handle("/runs/{id}", getPage(read, h.runPage))
	handle("/runs/{id}/progress", getPage(read, h.runProgress))
	handle("/runs/{id}/cancel", postPage(resync, h.cancelRun))
	handle("/quarantine", getPage(read, h.quarantinePage))
	handle("/quarantine/{id}", getPage(read, h.itemPage))
	handle("/quarantine/{id}/retry", postPage(resync, h.retryItem))
	handle("/quarantine/{id}/discard", getPage(approve, h.discardPage), postPage(approve, h.discardItem))
	handle("/held-removals", getPage(read, h.heldPage))
	handle("/login", getPage(visit, h.loginPage), postPage(visit, h.logIn))
	handle("/logout", postPage(visit, h.logOut))
	handle("/assets/{name}", getPage(nothing, h.asset))
}

// show answers with a page.
func (h *Handler) show(c *call, status int, p console.Page) error {
	p.User = c.user.name()
	body, err := p.HTML()
	if err != nil {
		return err
	}
	c.write(status, "text/html; charset=utf-8", body)
	return nil
}

// moving answers with the part of a page that keeps itself up to date.
func (h *Handler) moving(c *call, p console.Page) error {
	body, err := p.Moving()
	if err != nil {
		return err
	}
	c.write(http.StatusOK, "text/html; charset=utf-8", body)
	return nil
}

// byScript reports whether htmx asks, for a part of a page.
func byScript(c *call) bool { return c.r.Header.Get("HX-Request") == "true" }

// goTo answers with another page of the console to go to.
func (c *call) goTo(to string) error {
	c.status = http.StatusSeeOther
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(c.status)
	return nil
}

// asset serves a file whose name changes with what is in it.
func (h *Handler) asset(c *call) error {
	a, ok := console.FindAsset(c.r.PathValue("name"))
	if !ok {
		return web.Absent()
	}
	c.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	c.write(http.StatusOK, a.Media, a.Body)
	return nil
}

// failures say to people what went wrong, in the console's language.
var failures = map[web.ProblemType][2]string{
	web.NotFound:         {"Not found", "This does not exist, or you may not see it."},
	web.NotAllowed:       {"Not allowed", "You may not do this. Which tenants and rights you have is set under ops.users; without users, the console is reached as localhost only, and never from another website."},
	web.MethodNotAllowed: {"Not possible", "This address cannot be asked in this way."},
	web.InvalidParameter: {"Not understood", "Something in the address or in the form cannot be read."},
	web.TooLarge:         {"Too large", "The form holds too much."},
	web.UnsupportedMedia: {"Not understood", "This is not a form of the console."},
	web.Unavailable:      {"Not now", "The database does not answer, or it cannot be written down who looks. Try again in a moment."},
}

// failPage says in a page what went wrong. Who has not logged in is sent to where
// they can.
func (h *Handler) failPage(c *call, p *web.Problem) {
	if p.Type == web.InvalidToken {
		to := "/login"
		if c.r.Method == http.MethodGet && c.r.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(c.r.URL.EscapedPath())
		}
		if byScript(c) {
			c.w.Header().Set("HX-Redirect", "/login")
			c.write(http.StatusUnauthorized, "text/plain; charset=utf-8", nil)
			return
		}
		_ = c.goTo(to) // it writes a header only
		return
	}
	words, ok := failures[p.Type]
	if !ok {
		words = [2]string{"Something went wrong", "The log says more. Try again in a moment."}
	}
	if p.Allow != "" {
		c.w.Header().Set("Allow", p.Allow)
	}
	page := console.Page{Title: words[0], User: c.user.name(), Body: console.FailurePage{Status: p.Status(), Words: words[1]}}
	body, err := page.HTML()
	if err != nil {
		web.WriteProblem(c.w, web.ProblemFrom(err))
		return
	}
	c.write(p.Status(), "text/html; charset=utf-8", body)
}

// form reads what a form of the console sends: each of the fields at most once, and
// no others.
func (c *call) form(fields ...string) (url.Values, error) {
	if media, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); media != "application/x-www-form-urlencoded" && c.r.ContentLength != 0 {
		return nil, &web.Problem{Type: web.UnsupportedMedia}
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	if err := c.r.ParseForm(); err != nil {
		return nil, web.Invalid("", "Het formulier kon niet worden gelezen.")
	}
	for name, values := range c.r.PostForm {
		known := false
		for _, f := range fields {
			known = known || f == name
		}
		if !known || len(values) > 1 {
			return nil, web.Invalid("", "Het formulier kon niet worden gelezen.")
		}
	}
	return c.r.PostForm, nil
}

// before reads the parameter of that name, with which lists are read on.
func before(text string) (int64, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}
