package console

import (
	"html/template"
	"strings"

	"dossiersync/portalapi/ops/operate"
)

// icons are drawn on a square of 16.
var icons = map[string]template.HTML{
	"check": `<path d="M3 8.5l3.2 3.2L13 5"/>`,
	"clock": `<circle cx="8" cy="8" r="5.5"/><path d="M8 4.8V8l2.2 1.6"/>`,
	"half":  `<circle cx="8" cy="8" r="5.5"/><path class="fill" d="M8 2.5a5.5 5.5 0 0 1 0 11z"/>`,
	"cross": `<path d="M4 4l8 8M12 4l-8 8"/>`,
	"stop":  `<path d="M4.5 4.5h7v7h-7z"/>`,
	"gap":   `<path d="M3.5 8h9"/>`,
	"play":  `<path class="fill" d="M5.5 3.8l7 4.2-7 4.2z"/>`,
	"dots":  `<path d="M4 8h.01M8 8h.01M12 8h.01"/>`,
	"alert": `<path d="M8 2.2l6.3 11.3H1.7z"/><path d="M8 6.5v3.2M8 11.6h.01"/>`,
}

// icon draws a picture that says nothing which the words beside it do not.
func icon(name string) template.HTML {
	return `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">` + icons[name] + `</svg>`
}

// slot is how a state of a slot is drawn.
func slot(s operate.SlotState) struct{ Class, Icon string } {
	drawn := map[operate.SlotState]string{
		operate.SlotOnTime: "check", operate.SlotLate: "clock", operate.SlotPartial: "half", operate.SlotFailed: "cross",
		operate.SlotCancelled: "stop", operate.SlotMissed: "gap", operate.SlotRunning: "play", operate.SlotDue: "dots",
	}
	return struct{ Class, Icon string }{"slot-" + strings.ReplaceAll(string(s), " ", "-"), drawn[s]}
}
