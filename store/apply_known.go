package store

import (
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// known holds some items and the rows of the replica that decide how they are to be stored.
// Applying and comparing (see [Verification]) share it.
type known struct {
	tenant string
	stream dossier.Stream // of the search that brought the items
	items  []dossier.Item
	render Renderer
	keys   []string // of items, in their order
	// areNew says that nothing is stored of the items, so that they are not looked up.
	areNew bool
	// clientsMayBeMissing is set in a dry run, which stores no clients: an item of an unknown
	// client then counts as shown.
	clientsMayBeMissing bool

	epoch     int32
	old       map[string]stored        // by key; absent: nothing is stored
	clients   map[string]dossier.State // by id; absent: unknown
	erased    map[string]bool          // clients that were erased for good
	displaced map[displaced]struct{}   // items that others replace
	around    surroundings
}

func newKnown(tenant string, stream dossier.Stream, items []dossier.Item, r Renderer) known {
	k := known{
		tenant: tenant, stream: stream, items: items, render: r,
		keys:    make([]string, len(items)),
		old:     make(map[string]stored),
		clients: make(map[string]dossier.State), erased: make(map[string]bool),
		displaced: make(map[displaced]struct{}),
	}
	k.around.tenant = tenant
	for i := range items {
		k.keys[i] = itemKey(tenant, &items[i])
		if c := items[i].Content; c != nil {
			k.around.add(k.keys[i], c)
		}
	}
	return k
}

// queue reads the rows; with shapes, the stored cards, bodies and models too.
func (k *known) queue(b *pgx.Batch, shapes bool) {
	const items = `
		SELECT i.*
		FROM unnest(@keys::text[]) k
		CROSS JOIN LATERAL ( -- by key
			SELECT key, state, coalesce(reason, ''), coalesce(client, ''), epoch, version, updated,
				hash, stream,
				CASE WHEN @shapes THEN card END,
				CASE WHEN @shapes THEN body END,
				CASE WHEN @shapes THEN model END
			FROM items
			WHERE tenant = @tenant AND key = k
			OFFSET 0) i`
	const clients = `
		SELECT c.*
		FROM unnest(@clients::text[]) x
		CROSS JOIN LATERAL ( -- by key
			SELECT id, state
			FROM clients
			WHERE tenant = @tenant AND id = x
			OFFSET 0) c`
	args := pgx.StrictNamedArgs{"tenant": k.tenant, "keys": k.keys}
	withClients := pgx.StrictNamedArgs{"tenant": k.tenant, "clients": k.clientIDs()}
	if !k.areNew {
		b.Queue(items, pgx.StrictNamedArgs{"tenant": k.tenant, "keys": k.keys, "shapes": shapes}).Query(k.scanStored)
	}
	b.Queue(clients, withClients).Query(collectMap(k.clients))
	b.Queue(erasedSQL, withClients).Query(func(rows pgx.Rows) error {
		erased, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, client := range erased {
			k.erased[client] = true
		}
		return err
	})
	b.Queue(replacedSQL, args).Query(k.scanDisplaced)
	k.around.queue(b)
}

// clientIDs lists the clients of the items.
func (k *known) clientIDs() []string {
	var ids []string
	for i := range k.items {
		if c := k.items[i].Client; c != "" {
			ids = append(ids, c)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (k *known) scanStored(rows pgx.Rows) error {
	var o stored
	var updated *time.Time
	var hash []byte
	_, err := pgx.ForEachRow(rows, []any{&o.key, &o.state, &o.reason, &o.client, &o.epoch, &o.version,
		&updated, &hash, &o.stream, &o.card, &o.body, &o.model},
		func() error {
			o.updated = timeOrZero(updated)
			copy(o.hash[:], hash)
			k.old[o.key] = o
			return nil
		})
	return err
}

func (k *known) scanDisplaced(rows pgx.Rows) error {
	var d displaced
	_, err := pgx.ForEachRow(rows, []any{&d.key, &d.client}, func() error {
		k.displaced[d] = struct{}{}
		return nil
	})
	return err
}

// hideWithClient hides an item of a client that is not shown. A backfill brings the item when
// the client is shown again.
func (k *known) hideWithClient(it *dossier.Item) {
	if it.State != dossier.StateShown || it.Client == "" || it.Stream == dossier.StreamClients {
		return
	}
	switch state, isKnown := k.clients[it.Client]; {
	case !isKnown && k.clientsMayBeMissing:
	case !isKnown:
		it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenUnknownClient, nil
	case state != dossier.StateShown:
		it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenClientHidden, nil
	}
}

// rendered renders an item that is to be shown, unless old already is that item.
func (k *known) rendered(it *dossier.Item, old *stored) (Rendered, error) {
	if it.State != dossier.StateShown || old.isShown() && old.hash == it.Hash && old.client == it.Client {
		return Rendered{}, nil
	}
	if it.Content == nil {
		return Rendered{}, errors.New("it has no content")
	}
	r, err := k.render.Render(it.Ref, it.Content, k.around.lookup(it.Client))
	if err != nil {
		return Rendered{}, err
	}
	if _, err := time.Parse(time.DateOnly, r.Ends); r.Ends != "" && err != nil {
		return Rendered{}, errors.New("its end is not a date")
	}
	return r, nil
}
