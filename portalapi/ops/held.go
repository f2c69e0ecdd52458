package ops

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// pathSet returns the held set that the path names, or [web.NotFound].
func (h *Handler) pathSet(c *call) (heldSet, error) {
	t, err := h.pathTenant(c)
	if err != nil {
		return heldSet{}, err
	}
	id, err := strconv.ParseInt(c.r.PathValue("set"), 10, 64)
	if err != nil {
		return heldSet{}, web.Absent()
	}
	list, err := operate.HeldSets(c.r.Context(), h.store, t.ID)
	if err != nil {
		return heldSet{}, err
	}
	i := slices.IndexFunc(list, func(s operate.HeldSet) bool { return s.ID == id })
	if i < 0 {
		return heldSet{}, web.Absent()
	}
	return heldSet{list[i], t}, nil
}

// heldSet is a held set with its tenant.
type heldSet struct {
	operate.HeldSet
	tenant *Tenant
}

// listHeld lists the held sets of a tenant, those that are overdue first.
func (h *Handler) listHeld(c *call) error {
	t, err := readGet(c, h.pathTenant)
	if err != nil {
		return err
	}
	list, err := operate.HeldSets(c.r.Context(), h.store, t.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listJSON[operate.HeldSet]{Items: list})
}

// heldItems answers with one held set and a page of its items, by key.
func (h *Handler) heldItems(c *call) error {
	q := web.ReadQuery(c.r, "limit", "after")
	limit, after := q.Int("limit", defaultItems, 1, maxItems), q.Text("after")
	if err := q.Err(); err != nil {
		return err
	}
	set, err := h.pathSet(c)
	if err != nil {
		return err
	}
	items, err := h.store.HeldItems(c.r.Context(), set.tenant.ID, set.ID, "", after, limit+1)
	if err != nil {
		return err
	}
	out := struct {
		listJSON[store.HeldItem]
		Set operate.HeldSet `json:"set"`
	}{listJSON[store.HeldItem]{Items: append([]store.HeldItem{}, items...)}, set.HeldSet}
	if len(items) > limit {
		out.Items = items[:limit]
		next := "/api/tenants/" + set.tenant.ID + "/held/" + strconv.FormatInt(set.ID, 10) + "?" +
			q.Encode(map[string]string{"after": items[limit-1].Key})
		out.Next = &next
	}
	return c.json(http.StatusOK, out)
}

// decideHeld decides on one held set, or on all that the body selects, of one client or of all.
func (h *Handler) decideHeld(c *call) error {
	var in struct {
		Decision string `json:"decision"`
		Set      int64  `json:"set"`
		Stream   string `json:"stream"`
		Type     string `json:"type"`
		Reveals  bool   `json:"reveals"`
		Client   string `json:"client"`
		Shown    *int64 `json:"shown"` // how many items the operator has seen
		Note     string `json:"note"`
		Days     int    `json:"days"`
	}
	t, err := readPost(c, h.pathTenant, &in)
	if err != nil {
		return err
	}
	d := store.HoldDecision{Tenant: t.ID, Hold: in.Set, Stream: dossier.Stream(in.Stream), Type: in.Type,
		Reveals: in.Reveals, Client: in.Client, By: c.operator()}
	var ok bool
	switch d.Note, ok = operate.Note(in.Note); {
	case !ok:
		return errNote
	case !operate.SetDecision(&d, in.Decision, in.Days):
		return web.Invalid("decision", "Kies approve, keep of reopen; bij keep ook days, van 1 tot 366.")
	case in.Set < 0 || in.Set > 0 && (in.Stream != "" || in.Type != "" || in.Reveals):
		return web.Invalid("set", "Geef een set, of stream, type en reveals; niet beide.")
	case in.Stream != "" && !slices.Contains(dossier.Streams(), d.Stream):
		return web.Invalid("stream", streamChoices)
	case in.Client != "" && !clientID.MatchString(in.Client):
		return errClient
	case in.Shown == nil || *in.Shown < 1:
		return web.Invalid("shown", "Geef het aantal items dat u zag.")
	}
	d.Seen = *in.Shown
	n, err := h.decide(c, d)
	if errors.Is(err, store.ErrHoldGrew) {
		return &web.Problem{Type: web.Changed, Parameter: "shown",
			Detail: "Er wordt nu meer vastgehouden dan dat. Kijk opnieuw, en beslis dan."}
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Items int64 `json:"items"`
	}{n})
}

var errNote = web.Invalid("note", "Geef de reden in één regel van ten hoogste 500 tekens, zonder namen van mensen.")

// decide carries the decision out and logs it.
func (h *Handler) decide(c *call, d store.HoldDecision) (int64, error) {
	n, err := h.store.DecideHold(c.r.Context(), d)
	if err != nil {
		return n, err
	}
	h.log.Info("an operator decides on what is held", zap.String("tenant", d.Tenant), zap.Int64("set", d.Hold),
		zap.String("decision", string(d.State)), zap.Int64("items", n), zap.String("by", d.By))
	return n, nil
}

// withhold keeps a client or an item from readers.
func (h *Handler) withhold(c *call) error {
	t, w, err := h.readTarget(c)
	if err != nil {
		return err
	}
	out, err := h.withholder.Withhold(c.r.Context(), t, w)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// release shows a withheld client or item again.
func (h *Handler) release(c *call) error {
	_, w, err := h.readTarget(c)
	if err != nil {
		return err
	}
	out, err := h.withholder.Release(c.r.Context(), w)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// readTarget reads what is to be withheld or released.
func (h *Handler) readTarget(c *call) (*Tenant, store.Withholding, error) {
	var in struct {
		Client string `json:"client"`
		Item   string `json:"item"`
		Note   string `json:"note"`
	}
	t, err := readPost(c, h.pathTenant, &in)
	if err != nil {
		return nil, store.Withholding{}, err
	}
	w, err := operate.Target(t.ID, in.Client, in.Item)
	switch {
	case errors.Is(err, operate.ErrTargetClient):
		return nil, w, errClient
	case errors.Is(err, operate.ErrTargetItem):
		return nil, w, web.Invalid("item", "Geef het id in het portaal, of TYPE/ID van de bron; een cliënt bij client.")
	case err != nil:
		return nil, w, web.Invalid("client", "Geef client of item, niet beide.")
	}
	var ok bool
	if w.Note, ok = operate.Note(in.Note); !ok {
		return nil, w, errNote
	}
	w.By = c.operator()
	return t, w, nil
}

// listWithheld lists what is withheld of a tenant, with all=yes also what was released.
func (h *Handler) listWithheld(c *call) error {
	q := web.ReadQuery(c.r, "all")
	all := q.OneOf("all", "yes") == "yes"
	if err := q.Err(); err != nil {
		return err
	}
	t, err := h.pathTenant(c)
	if err != nil {
		return err
	}
	read := h.store.Withheld
	if all {
		read = h.store.Withholdings
	}
	list, err := read(c.r.Context(), t.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listJSON[store.Withholding]{Items: append([]store.Withholding{}, list...)})
}

// targetOf splits the value "COUNT CLIENT" of a choice on the page of a set.
func targetOf(text string) (shown int64, client string, ok bool) {
	number, client, _ := strings.Cut(text, " ")
	shown, err := strconv.ParseInt(number, 10, 64)
	return shown, client, err == nil && shown > 0 && (client == "" || clientID.MatchString(client))
}
