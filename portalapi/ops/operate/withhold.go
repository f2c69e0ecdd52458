package operate

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Withholder keeps clients and items from readers, and releases them, for the command line, the API
// and the console.
type Withholder struct {
	Store *store.Store
	Log   *zap.Logger // nil: none
	// Record keeps a withholding, or its release, outside the database, so that it can be carried out
	// again after a backup was restored. nil: nowhere.
	Record func(context.Context, store.Withholding) error
	// Renderer returns the tenant's renderer. nil: the next run renders again.
	Renderer func(tenant string) store.Renderer
	// Patience is how long to render again before it is left to the next run; 0: 10 seconds.
	Patience time.Duration
}

// Withheld is what was done.
type Withheld struct {
	store.Withholding

	Created  bool     `json:"created"`  // false: it was withheld already
	LeftOver []string `json:"leftOver"` // what could not be done, in sentences
}

// Withhold keeps the client or the item of w from readers. It returns an error only if readers may
// still see it.
func (h *Withholder) Withhold(ctx context.Context, t *Tenant, w store.Withholding) (Withheld, error) {
	if err := h.Store.PutTenant(ctx, t.ID, t.Name, t.Location.String()); err != nil {
		return Withheld{}, err
	}
	out := Withheld{LeftOver: []string{}}
	var err error
	if out.Withholding, out.Created, err = h.Store.Withhold(ctx, w); err != nil {
		return Withheld{}, err
	}
	h.log("an operator withholds from readers", w)
	if w.Item != "" {
		if err := h.settle(ctx, out.Withholding, h.Store.MarkWithin); err != nil {
			out.LeftOver = append(out.LeftOver, "Items that hold words of it are out of every answer until they have been "+
				"rendered again, which the next run does: "+err.Error()+". Withhold it once more to try again.")
		}
	}
	h.record(ctx, &out)
	return out, nil
}

// Release shows the client or the item of w again. It fails with [store.ErrNotFound] if nothing
// such is withheld.
func (h *Withholder) Release(ctx context.Context, w store.Withholding) (Withheld, error) {
	out := Withheld{LeftOver: []string{}}
	var err error
	if out.Withholding, err = h.Store.Release(ctx, w); err != nil {
		return Withheld{}, err
	}
	h.log("an operator releases what was withheld", w)
	if w.Item != "" {
		if err := h.settle(ctx, out.Withholding, nil); err != nil {
			out.LeftOver = append(out.LeftOver, "Its words come back into other items with the next run: "+err.Error()+".")
		}
	}
	h.record(ctx, &out)
	return out, nil
}

// record keeps what was done outside the database.
func (h *Withholder) record(ctx context.Context, out *Withheld) {
	if h.Record == nil {
		return
	}
	if err := h.Record(ctx, out.Withholding); err != nil {
		out.LeftOver = append(out.LeftOver,
			"It is not recorded outside the database, so a restored backup may not know it: "+err.Error()+".")
		if h.Log != nil {
			h.Log.Error("what is withheld could not be recorded outside the database", zap.Error(err))
		}
	}
}

const (
	withholdPatience = 10 * time.Second
	withholdAtOnce   = 500 // items rendered in one transaction
)

// settle renders the items again that hold words of the item, after first, if that is not nil. The
// caller's context may end soon, and what was begun is finished if possible.
func (h *Withholder) settle(
	ctx context.Context, w store.Withholding, first func(context.Context, store.Withholding) error,
) error {
	patience := h.Patience
	if patience == 0 {
		patience = withholdPatience
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if first != nil {
		if err := first(ctx, w); err != nil {
			return err
		}
	}
	if h.Renderer == nil {
		return nil
	}
	render := h.Renderer(w.Tenant)
	for {
		n, err := h.Store.RerenderWithheld(ctx, w.Tenant, render, withholdAtOnce)
		if err != nil || n == 0 {
			return err
		}
	}
}

// log writes that an operator has decided, without the client.
func (h *Withholder) log(message string, w store.Withholding) {
	if h.Log == nil {
		return
	}
	h.Log.Info(message, zap.String("tenant", w.Tenant), zap.Bool("client", w.Client != ""), zap.String("item", w.Item),
		zap.String("by", w.By))
}

// The faults of a target, by the field that is wrong.
var (
	ErrTarget       = errors.New("name a client or an item, not both")
	ErrTargetClient = errors.New("this cannot be a client's id: letters, digits, dots and dashes only")
	ErrTargetItem   = errors.New("an item is named by its id in the portal (the key that held and quarantine show), " +
		"or by TYPE/ID of the source, such as Observation/4711; a client by its own field")
)

var (
	clientID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`) // FHIR R4 §2.24.0.1: id
	itemID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	typeName = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
)

// Target returns the client or the item that an operator names. An item is named by its id in the
// portal, or as TYPE/ID of the source.
func Target(tenant, client, item string) (store.Withholding, error) {
	w := store.Withholding{Tenant: tenant, Client: strings.TrimSpace(client), Item: strings.TrimSpace(item)}
	switch kind, id, isRef := strings.Cut(w.Item, "/"); {
	case (w.Client == "") == (w.Item == ""):
		return w, ErrTarget
	case w.Client != "":
		if !clientID.MatchString(w.Client) {
			return w, ErrTargetClient
		}
	case isRef:
		if !typeName.MatchString(kind) || kind == dossier.ClientRef("").Type || !clientID.MatchString(id) {
			return w, ErrTargetItem
		}
		w.Item = dossier.Key(tenant, dossier.Ref{Type: kind, ID: id})
	case !itemID.MatchString(w.Item):
		return w, ErrTargetItem
	}
	return w, nil
}

const maxNote = 500 // characters

// Note returns an operator's note without surrounding spaces, and whether it is one non-empty line
// of at most 500 characters.
func Note(text string) (string, bool) {
	text = strings.TrimSpace(text)
	ok := text != "" && utf8.RuneCountInString(text) <= maxNote && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unicode.IsControl)
	return text, ok
}
