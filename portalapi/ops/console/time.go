package console

import (
	"fmt"
	"html/template"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

// when formats t relative to now, like "today 15:04", with its machine-readable time.
func when(t, now time.Time, zone *time.Location) template.HTML {
	t, now = t.In(zone), now.In(zone)
	text := t.Format("Mon 2 Jan 2006 15:04")
	day := func(t time.Time) int {
		return int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	switch d := day(t) - day(now); {
	case d == 0:
		text = "today " + t.Format("15:04")
	case d == -1:
		text = "yesterday " + t.Format("15:04")
	case d == 1:
		text = "tomorrow " + t.Format("15:04")
	case t.Year() == now.Year():
		text = t.Format("Mon 2 Jan 15:04")
	}
	return mark(t, text)
}

// moment formats t in full, to the second.
func moment(t time.Time, zone *time.Location) template.HTML {
	t = t.In(zone)
	return mark(t, t.Format("Mon 2 Jan 2006 15:04:05"))
}

func mark(t time.Time, text string) template.HTML {
	//nolint:gosec // digits and names of days
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + text + `</time>`)
}

// took returns how long the run took, or has taken so far.
func took(r store.Run, now time.Time) string {
	if r.StartedAt == nil {
		return ""
	}
	end := now
	if r.FinishedAt != nil {
		end = *r.FinishedAt
	}
	d := max(end.Sub(*r.StartedAt), 0)
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return operate.Span(d)
}
