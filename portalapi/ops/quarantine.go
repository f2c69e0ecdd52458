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

// itemKey matches the key of an item. The key of an item without an id, or of a type that was not
// searched for, begins with a question mark.
var itemKey = regexp.MustCompile(`^\??[A-Za-z0-9_-]{1,64}$`)

// quarantinedJSON is an item with the meaning of its reason.
type quarantinedJSON struct {
	store.Quarantined
	Meaning string `json:"meaning"`
}

// listQuarantine lists the items in quarantine, oldest first, without their clients: only
// quarantined shows the client of an item, and logs that.
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
	list, next, err := h.quarantineAfter(c, q.Text("tenant"), after, limit)
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

// quarantineAfter returns the items after a place, of the named tenant or else of all of the
// user's, and the place of the next page; empty: this is the last page.
func (h *Handler) quarantineAfter(
	c *call, tenant string, after store.QuarantinePlace, limit int,
) ([]store.Quarantined, string, error) {
	filter := store.QuarantineFilter{After: after, Limit: limit + 1, Tenants: []string{}}
	for _, t := range h.tenantsOf(c) {
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

// formatPlace returns the place of an item as text for a URL.
func formatPlace(q *store.Quarantined) string {
	place := strconv.FormatInt(q.FirstSeen.UnixMicro(), 36) + " " + q.Key
	return base64.RawURLEncoding.EncodeToString([]byte(place))
}

// parsePlace is the inverse of formatPlace. Empty is the place before the first item.
func parsePlace(s string) (store.QuarantinePlace, bool) {
	if s == "" {
		return store.QuarantinePlace{}, true
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	at, key, ok := strings.Cut(string(b), " ")
	micro, parseErr := strconv.ParseInt(at, 36, 53)
	if err != nil || parseErr != nil || !ok || !itemKey.MatchString(key) {
		return store.QuarantinePlace{}, false
	}
	return store.QuarantinePlace{FirstSeen: time.UnixMicro(micro), Key: key}, true
}

// quarantined answers with one item, without its bytes.
func (h *Handler) quarantined(c *call) error {
	it, err := readGet(c, h.viewItem)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		store.QuarantinedItem
		Meaning string `json:"meaning"`
	}{it.QuarantinedItem, it.Reason.Meaning()})
}

// retry requests a run that retries one item.
func (h *Handler) retry(c *call) error {
	it, err := readPost(c, h.pathItem, &empty{})
	if err != nil {
		return err
	}
	return h.answerRequestRun(c, it.tenant, retryScope(it.Key))
}

// retryAll requests a run that retries all items of the tenant.
func (h *Handler) retryAll(c *call) error {
	t, err := readPost(c, h.pathTenant, &empty{})
	if err != nil {
		return err
	}
	return h.answerRequestRun(c, t, retryScope())
}

// retryScope is the scope of a run that retries the keys, or all items if there are none.
func retryScope(keys ...string) store.Scope {
	return store.Scope{Only: store.StepQuarantine, Keys: keys}
}

// discard removes one item from quarantine: 204.
func (h *Handler) discard(c *call) error {
	var in struct {
		Reason string `json:"reason"`
	}
	it, err := readPost(c, h.pathItem, &in)
	if err != nil {
		return err
	}
	reason, ok := parseReason(in.Reason)
	if !ok {
		return web.Invalid("reason", "Geef de reden in één regel van ten hoogste 500 tekens, zonder namen van mensen.")
	}
	if err := h.discardItem(c, &it.Quarantined, reason); err != nil {
		return err
	}
	c.status = http.StatusNoContent
	c.w.WriteHeader(c.status)
	return nil
}
