package ops

import (
	"net/http"
	"net/url"
	"strconv"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/web"
)

func getPage(needs verb, f func(c *call) error) route  { return route{http.MethodGet, needs, f, true} }
func postPage(needs verb, f func(c *call) error) route { return route{http.MethodPost, needs, f, true} }

// addPages adds the pages for people.
func (h *Handler) addPages(handle func(pattern string, list ...route)) {
	handle("/{$}", getPage(read, h.overviewPage))
	handle("/tenants/{tenant}", getPage(read, h.tenantPage))
	handle("/tenants/{tenant}/runs", getPage(read, h.runsPage))
	handle("/tenants/{tenant}/attention/{code}", postPage(approve, h.postAcknowledge))
	handle("/tenants/{tenant}/resync", postPage(resync, h.postResync))
	handle("/tenants/{tenant}/reconcile", postPage(resync, h.postReconcile))
	handle("/tenants/{tenant}/retry", postPage(resync, h.postRetryAll))
	handle("/tenants/{tenant}/why", getPage(read, h.whyPage), postPage(read, h.postWhy))
	handle("/tenants/{tenant}/held/{set}", getPage(read, h.heldSetPage), postPage(approve, h.postDecide))
	handle("/tenants/{tenant}/items/{id}", getPage(read, h.explainPage))
	handle("/runs/{id}", getPage(read, h.runPage))
	handle("/runs/{id}/progress", getPage(read, h.runProgress))
	handle("/runs/{id}/cancel", postPage(resync, h.postCancel))
	handle("/quarantine", getPage(read, h.quarantinePage))
	handle("/quarantine/{id}", getPage(read, h.itemPage))
	handle("/quarantine/{id}/retry", postPage(resync, h.postRetry))
	handle("/quarantine/{id}/discard", getPage(approve, h.discardPage), postPage(approve, h.postDiscard))
	handle("/held-removals", getPage(read, h.heldPage))
	handle("/withheld", getPage(read, h.withheldPage), postPage(approve, h.postWithhold))
	handle("/withheld/release", postPage(approve, h.postRelease))
	handle("/login", getPage(sameSite, h.loginPage), postPage(sameSite, h.postLogin))
	handle("/logout", postPage(sameSite, h.postLogout))
	handle("/assets/{name}", getPage(anyone, h.asset))
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

// showMoving answers with only the part of a page that keeps itself up to date.
func (h *Handler) showMoving(c *call, p console.Page) error {
	body, err := p.Moving()
	if err != nil {
		return err
	}
	c.write(http.StatusOK, "text/html; charset=utf-8", body)
	return nil
}

// fromHTMX reports whether htmx asks, for a part of a page.
func fromHTMX(c *call) bool { return c.r.Header.Get("HX-Request") == "true" }

// goTo redirects to another page of the console.
func (c *call) goTo(to string) error {
	c.status = http.StatusSeeOther
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(c.status)
	return nil
}

// asset serves a file, whose name changes with its content.
func (h *Handler) asset(c *call) error {
	a, ok := console.FindAsset(c.r.PathValue("name"))
	if !ok {
		return web.Absent()
	}
	c.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	c.write(http.StatusOK, a.Media, a.Body)
	return nil
}

// failPage answers with a page about the problem, or redirects to the login page if nobody has
// logged in.
func (h *Handler) failPage(c *call, p *web.Problem) {
	if p.Type == web.InvalidToken {
		to := "/login"
		if c.r.Method == http.MethodGet && c.r.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(c.r.URL.EscapedPath())
		}
		if fromHTMX(c) {
			c.w.Header().Set("HX-Redirect", "/login")
			c.write(http.StatusUnauthorized, "text/plain; charset=utf-8", nil)
			return
		}
		_ = c.goTo(to) // it writes a header only
		return
	}
	text, ok := failures[p.Type]
	if !ok {
		text = otherFailure
	}
	if p.Allow != "" {
		c.w.Header().Set("Allow", p.Allow)
	}
	page := console.Page{Title: text[0], User: c.user.name(),
		Body: console.FailurePage{Status: p.Status(), Words: text[1]}}
	body, err := page.HTML()
	if err != nil {
		web.WriteProblem(c.w, web.ProblemFrom(err))
		return
	}
	c.write(p.Status(), "text/html; charset=utf-8", body)
}

// parseBefore parses the parameter before of a list of runs. Empty is 0.
func parseBefore(text string) (int64, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}
