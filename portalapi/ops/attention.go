package ops

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
)

// acknowledge records that a cause of attention is known, and answers with the cause.
func (h *Handler) acknowledge(c *call) error {
	var in struct {
		Fingerprint string    `json:"fingerprint"`
		Note        string    `json:"note"`
		Until       time.Time `json:"until"`
	}
	t, err := readPost(c, h.pathTenant, &in)
	if err != nil {
		return err
	}
	note, ok := parseReason(in.Note)
	if !ok {
		return web.Invalid("note", "Geef de toelichting in één regel van ten hoogste 500 tekens, zonder namen van mensen.")
	}
	cause, err := h.acknowledgeCause(c, t, operate.Acknowledgement{
		Fingerprint: in.Fingerprint, Note: note, Until: in.Until})
	switch {
	case errors.Is(err, operate.ErrNoCause):
		return web.Absent()
	case errors.Is(err, operate.ErrCauseChanged):
		return &web.Problem{Type: web.Changed, Parameter: "fingerprint",
			Detail: "Wat aandacht vraagt is intussen veranderd of gegroeid. Kijk opnieuw."}
	case errors.Is(err, operate.ErrUntil):
		return web.Invalid("until", "Geef een moment binnen het komende jaar.")
	case err != nil:
		return err
	}
	return c.json(http.StatusOK, cause)
}

// acknowledgeCause records that the cause which the path names is known.
func (h *Handler) acknowledgeCause(c *call, t *Tenant, a operate.Acknowledgement) (operate.Cause, error) {
	a.Code, a.By = operate.Code(c.r.PathValue("code")), c.operator()
	cause, err := operate.Acknowledge(c.r.Context(), h.store, t, a)
	if err == nil {
		h.log.Info("an operator acknowledges a cause of attention", zap.String("tenant", t.ID),
			zap.String("code", string(a.Code)), zap.String("by", a.By), zap.Time("until", cause.Acknowledged.Until))
	}
	return cause, err
}

// postAcknowledge is acknowledge for the console.
func (h *Handler) postAcknowledge(c *call) error {
	t, form, err := readForm(c, h.pathTenant, "fingerprint", "note", "until")
	if err != nil {
		return err
	}
	told := "acknowledged"
	note, ok := parseReason(form.Get("note"))
	until, untilErr := time.ParseInLocation(time.DateOnly, form.Get("until"), t.Location)
	switch {
	case form.Get("until") == "":
		until, untilErr = time.Time{}, nil
	default:
		until = until.AddDate(0, 0, 1) // the end of that day
	}
	if !ok || untilErr != nil {
		return c.goTo(tenantURL(t) + "?told=unclear")
	}
	_, err = h.acknowledgeCause(c, t, operate.Acknowledgement{
		Fingerprint: form.Get("fingerprint"), Note: note, Until: until})
	switch {
	case errors.Is(err, operate.ErrNoCause):
		told = "over"
	case errors.Is(err, operate.ErrCauseChanged):
		told = "changed"
	case errors.Is(err, operate.ErrUntil):
		told = "unclear"
	case err != nil:
		return err
	}
	return c.goTo(tenantURL(t) + "?told=" + told)
}
