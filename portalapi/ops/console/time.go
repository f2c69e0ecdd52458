package console

import (
	"fmt"
	"html/template"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

// when tells a moment as people say it, marked up for programs.
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

// moment tells a moment in full, to the second.
func moment(t time.Time, zone *time.Location) template.HTML {
	t = t.In(zone)
	return mark(t, t.Format("Mon 2 Jan 2006 15:04:05"))
}

func mark(t time.Time, text string) template.HTML {
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + text + `</time>`) //nolint:gosec // digits and names of days
}

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
