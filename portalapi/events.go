package portalapi

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

const maxEvent = 4 << 10 // bytes of an event in JSON

// portalEvents are what a portal does with what it has read, and NEN 7513 wants logged.
var portalEvents = []string{"print", "copy", "download"}

// portalEvent is what the portal tells that a user does.
type portalEvent struct {
	Event  string          `json:"event"`
	Object json.RawMessage `json:"object"`
}

// eventObject is the item that it is done with.
type eventObject struct {
	Kind dossier.Kind `json:"kind"`
	ID   string       `json:"id"`
}

// events logs that the user prints, copies or downloads an item or, without an object, another page
// of the dossier. It fails as the reading of it does.
func (a *API) events(ctx context.Context, c *call) (*result, error) {
	c.event.Action = "execute"
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	event, object, err := readEvent(c)
	if err != nil {
		return nil, err
	}
	c.event.Event = event
	if object == nil {
		known, err := a.portal.List(ctx, c.identity(), c.client, store.ListQuery{})
		if err != nil {
			return nil, err
		}
		return &result{}, c.requireDossier(&known.Standing)
	}
	if itemID.MatchString(object.ID) {
		c.event.Object = object.ID
	}
	if _, _, err := a.open(ctx, c, c.event.Object, object.Kind, ""); err != nil {
		return nil, err
	}
	return &result{}, nil
}

// readEvent reads the event in the request's body. It fails with all faults.
func readEvent(c *call) (event string, object *eventObject, err error) {
	var in portalEvent
	var faults web.Faults
	if err := web.ReadFields(c.w, c.r, maxEvent, &in, &faults); err != nil {
		return "", nil, err
	}
	if !slices.Contains(portalEvents, in.Event) {
		faults.Add("event", "Kies uit "+strings.Join(portalEvents, ", ")+".")
	}
	if in.Object != nil && string(in.Object) != "null" {
		object = new(eventObject)
		if p, ok := errors.AsType[*web.Problem](web.ParseFields(in.Object, object, "object.", &faults)); ok {
			faults.Add("object", p.Detail)
		}
		if partOf[object.Kind] == "" {
			faults.Add("object.kind", "Kies uit report, form, care-plan.")
		}
		if object.ID == "" {
			faults.Add("object.id", "Noem het id.")
		}
	}
	return in.Event, object, faults.Err()
}
