package ops

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

const (
	defaultItems = 50
	maxItems     = 200
)

// itemKey is what keys of items look like; that of one without an id, or of a type
// that was not asked for, has a question mark before it.
var itemKey = regexp.MustCompile(`^\??[A-Za-z0-9_-]{1,64}$`)

// quarantinedJSON is an item of which nobody need look up the meaning.
type quarantinedJSON struct {
	store.Quarantined
	Meaning string `json:"meaning"`
}

// listQuarantine lists what could not be applied, the oldest first. Which client an
// item is of is told one by one only.
func (h *Handler) listQuarantine(c *call) error {
	q := web.ReadQuery(c.r, "tenant", "limit", "after")
	limit := q.Int("limit", defaultItems, 1, maxItems)
	after, ok := parsePlace(q.Text("after"))
	if err := q.Err(); err != nil {
		return err
	}
	if !ok {
		return web.Invalid("after", "Gebruik hier wat in next staat.")
	}
	list, next, err := h.quarantine(c, q.Text("tenant"), after, limit)
	if err != nil {
		return err
	}
	out := listJSON[quarantinedJSON]{Items: make([]quarantinedJSON, 0, len(list))}
	for _, it := range list {
		out.Items = append(out.Items, quarantinedJSON{it, it.Reason.Meaning()})
	}
	if next != "" {
		url := "/api/quarantine?" + q.Encode(map[string]string{"after": next})
		out.Next = &url
	}
	return c.json(http.StatusOK, out)
}

// quarantine returns what follows after, of the tenant named or of all that the
// user sees, and the place from which to read on; empty: there is no more.
func (h *Handler) quarantine(c *call, tenant string, after store.QuarantinePlace, limit int) ([]store.Quarantined, string, error) {
	filter := store.QuarantineFilter{After: after, Limit: limit + 1, Tenants: []string{}}
	for _, t := range c.tenants(h) {
		if tenant == "" || t.ID == tenant {
			filter.Tenants = append(filter.Tenants, t.ID)
		}
	}
	if tenant != "" && len(filter.Tenants) == 0 {
		return nil, "", web.Absent()
	}
	list, err := h.store.Quarantine(c.r.Context(), filter)
	if err != nil {
		return nil, "", err
	}
	for i := range list {
		if list[i].Stream == dossier.StreamClients {
			list[i].ID = ""
		}
	}
	if len(list) <= limit {
		return list, "", nil
	}
	list = list[:limit]
	return list, formatPlace(&list[limit-1]), nil
}

func formatPlace(q *store.Quarantined) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(q.FirstSeen.UnixMicro(), 36) + " " + q.Key))
}

// parsePlace is the inverse of formatPlace. Empty is before all.
func parsePlace(s string) (store.QuarantinePlace, bool) {
	if s == "" {
		return store.QuarantinePlace{}, true
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	at, key, ok := strings.Cut(string(b), " ")
	micro, err2 := strconv.ParseInt(at, 36, 53)
	if err != nil || err2 != nil || !ok || !itemKey.MatchString(key) {
		return store.QuarantinePlace{}, false
	}
	return store.QuarantinePlace{FirstSeen: time.UnixMicro(micro), Key: key}, true
}

// quarantined tells all that is known of one item, but its bytes.
func (h *Handler) quarantined(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	it, _, err := h.view(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		store.QuarantinedItem
		Meaning string `json:"meaning"`
	}{it, it.Reason.Meaning()})
}

// retry asks for a run that tries one item again.
func (h *Handler) retry(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	it, t, err := h.item(c)
	if err != nil {
		return err
	}
	if err := web.ReadJSON(c.w, c.r, maxBody, &struct{}{}); err != nil {
		return err
	}
	return h.answerAsked(c, t, retryOf(it.Key))
}

// retryAll asks for a run that tries again all that the tenant has in quarantine.
func (h *Handler) retryAll(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	if err := web.ReadJSON(c.w, c.r, maxBody, &struct{}{}); err != nil {
		return err
	}
	return h.answerAsked(c, t, retryOf())
}

// retryOf is the scope of a run that tries the keys again; none: all there are.
func retryOf(keys ...string) store.Scope {
	return store.Scope{Only: store.StepQuarantine, Keys: keys}
}

// discard forgets one item: 204.
func (h *Handler) discard(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	it, _, err := h.item(c)
	if err != nil {
		return err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := web.ReadJSON(c.w, c.r, maxBody, &in); err != nil {
		return err
	}
	reason, ok := reasonFits(in.Reason)
	if !ok {
		return web.Invalid("reason", "Geef de reden in één regel van ten hoogste 500 tekens, zonder namen van mensen.")
	}
	if err := h.forget(c, &it.Quarantined, reason); err != nil {
		return err
	}
	c.status = http.StatusNoContent
	c.w.WriteHeader(c.status)
	return nil
}
