package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/sync/render"
)

// NewWithholder returns what keeps clients and items from readers, and records it in
// [WithheldFile].
func NewWithholder(cfg *config.Config, st *store.Store, log *zap.Logger) *operate.Withholder {
	return &operate.Withholder{
		Store: st, Log: log,
		Record: func(ctx context.Context, w store.Withholding) error {
			return recordWithholding(ctx, cfg.ErasuresFile, st, w)
		},
		Renderer: func(tenant string) store.Renderer {
			for i := range cfg.Tenants {
				if t := &cfg.Tenants[i]; t.ID == tenant {
					return render.New(t.ID, t.Location, renderRules(t))
				}
			}
			return render.New(tenant, time.UTC, render.Rules{})
		},
	}
}

// WithheldFile returns the file beside the erasures that records what was withheld and released.
func WithheldFile(erasures string) string { return erasures + ".withheld" }

// withholdingLine is a line of the file. It holds no client's id that can be read without the
// key beside the erasures, and no note.
type withholdingLine struct {
	Tenant   string    `json:"tenant"`
	Client   []byte    `json:"client,omitempty"` // sealed
	Key      string    `json:"key,omitempty"`    // the id of the key that it is sealed with
	Item     string    `json:"item,omitempty"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Released bool      `json:"released"`
}

func recordWithholding(ctx context.Context, file string, st *store.Store, w store.Withholding) error {
	line := withholdingLine{Tenant: w.Tenant, Item: w.Item, At: w.Since.UTC(), By: w.By}
	if w.Released != nil {
		line.Released, line.At, line.By = true, w.Released.UTC(), *w.ReleasedBy
	}
	// The operators' listener cannot read the keys. A restored backup has the key unless it is older.
	keys, err := st.ErasureKeys(ctx)
	if err == nil {
		err = recordKey(file, keys[0])
	}
	if err != nil && !errors.Is(err, store.ErrNotAllowed) {
		return err
	}
	if w.Client != "" {
		key, err := st.WithholdingKey(ctx)
		if err != nil {
			return err
		}
		line.Client, line.Key = key.Seal(w.Tenant, w.Client), key.ID
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if err := appendLine(WithheldFile(file), string(text)); err != nil {
		return fmt.Errorf("record what is withheld: %w", err)
	}
	return nil
}

// WithholdAgain withholds and releases once more what the file beside the erasures records, after
// the database was restored from a backup that may be older. It returns how much is withheld
// because of it.
func WithholdAgain(ctx context.Context, cfg *config.Config, st *store.Store) (n int, err error) {
	lines, err := readWithholdings(ctx, cfg.ErasuresFile, st)
	if err != nil {
		return 0, err
	}
	h := NewWithholder(cfg, st, nil)
	h.Record = nil
	h.Patience = 10 * time.Minute
	for _, w := range lines {
		t := OpsTenant(cfg, w.Tenant)
		if t == nil {
			continue // nothing of it is served
		}
		if w.Released == nil {
			n++
			_, err = h.Withhold(ctx, t, w)
		} else {
			w.By = *w.ReleasedBy
			_, err = h.Release(ctx, w)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return n, err
		}
	}
	return n, nil
}

const againNote = "carried out again after a backup was restored"

// readWithholdings returns the last record of each client and item.
func readWithholdings(ctx context.Context, file string, st *store.Store) ([]store.Withholding, error) {
	keys, err := st.ErasureKeys(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := ReadErasureKeys(file)
	if err != nil {
		return nil, err
	}
	keys = append(keys, kept...)
	var list []store.Withholding
	unread, err := eachLine(WithheldFile(file), func(text []byte) error {
		w, err := parseWithholding(text, keys)
		if err != nil {
			return err
		}
		same := func(o store.Withholding) bool {
			return o.Tenant == w.Tenant && o.Client == w.Client && o.Item == w.Item
		}
		list = append(slices.DeleteFunc(list, same), w)
		return nil
	})
	if err == nil && len(unread) > 0 {
		lines := strings.Trim(fmt.Sprint(unread), "[]")
		err = fmt.Errorf("these lines of %s cannot be read: %s; mend them, or put the keys into %s",
			WithheldFile(file), lines, KeyFile(file))
	}
	return list, err
}

func parseWithholding(text []byte, keys []store.ErasureKey) (store.Withholding, error) {
	var line withholdingLine
	if err := json.Unmarshal(text, &line); err != nil {
		return store.Withholding{}, err
	}
	w := store.Withholding{Tenant: line.Tenant, Item: line.Item, Since: line.At, By: line.By, Note: againNote}
	if line.Released {
		w.Released, w.ReleasedBy = &line.At, &line.By
	}
	if len(line.Client) > 0 {
		i := slices.IndexFunc(keys, func(k store.ErasureKey) bool { return k.ID() == line.Key })
		if i < 0 {
			return w, errors.New("its key is not there")
		}
		var err error
		if w.Client, err = keys[i].Withholding().Open(line.Tenant, line.Client); err != nil {
			return w, err
		}
	}
	if w.Tenant == "" || w.Client == "" == (w.Item == "") {
		return w, errors.New("it names neither a client nor an item")
	}
	return w, nil
}
