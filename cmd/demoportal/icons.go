package main

import "html/template"

// icons are lines on a field of 24 by 24.
var icons = map[string]string{
	"start":   `<path d="M4 11.5 12 5l8 6.5"/><path d="M6.5 10v9h11v-9"/><path d="M10 19v-5h4v5"/>`,
	"line":    `<path d="M6 4v16"/><circle cx="6" cy="7.5" r="1.6"/><circle cx="6" cy="16" r="1.6"/><path d="M11 7.5h9M11 16h6"/>`,
	"read":    `<path d="M12 7.200C9.8 5.6 7.2 5 3.5 5v12.500c3.7 0 6.3.6 8.5 2.2 2.2-1.6 4.8-2.2 8.5-2.200V5c-3.7 0-6.3.6-8.5 2.200z"/><path d="M12 7.200v12.5"/>`,
	"plan":    `<rect x="5" y="4.5" width="14" height="16" rx="2"/><path d="M9 4.500V3.500h6v1"/><path d="m8.5 11 1.3 1.300L12 10M8.5 16l1.3 1.300L12 15M14.5 11.500h2M14.5 16.500h2"/>`,
	"people":  `<circle cx="9" cy="8.5" r="3.2"/><path d="M3.5 19c.5-3.4 2.6-5.2 5.5-5.200s5 1.8 5.5 5.2"/><path d="M15.5 5.700a3.2 3.2 0 0 1 0 5.600M17.2 14.300c1.9.7 3 2.3 3.3 4.7"/>`,
	"eye":     `<path d="M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12z"/><circle cx="12" cy="12" r="2.8"/>`,
	"print":   `<path d="M7 9V4h10v5"/><rect x="4" y="9" width="16" height="8" rx="2"/><path d="M7 14h10v6H7z"/>`,
	"clock":   `<circle cx="12" cy="12" r="8.2"/><path d="M12 7.500V12l3 2"/>`,
	"report":  `<path d="M6 3.500h8.500L18.5 7.500v13H6z"/><path d="M9 11h6.500M9 14.500h6.500M9 18h4"/>`,
	"form":    `<rect x="5" y="3.5" width="14" height="17" rx="2"/><path d="M8.5 8.500h2v2h-2zM8.5 14h2v2h-2zM13.5 9.500h2.500M13.5 15h2.5"/>`,
	"goal":    `<circle cx="12" cy="12" r="8.2"/><circle cx="12" cy="12" r="4.2"/><circle class="fill" cx="12" cy="12" r="1.3"/>`,
	"check":   `<path d="m5 12.5 4.5 4.500L19 7.5"/>`,
	"speech":  `<path d="M4.5 5.500h15v10.500H11l-4.5 4v-4h-2z"/>`,
	"back":    `<path d="m14.5 6-6 6 6 6"/>`,
	"forward": `<path d="m9.5 6 6 6-6 6"/>`,
	"file":    `<path d="m8 12.5 5.5-5.500a2.8 2.8 0 0 1 4 4l-7 7a4.6 4.6 0 0 1-6.5-6.500L11 4.5"/>`,
	"info":    `<circle cx="12" cy="12" r="8.2"/><path d="M12 11v5.5"/><circle class="fill" cx="12" cy="7.8" r="1.1"/>`,
	"warn":    `<path d="M12 4 2.8 19.500h18.400z"/><path d="M12 10v4.5"/><circle class="fill" cx="12" cy="17" r="1"/>`,
	"leaf":    `<path d="M5 19c0-8.5 5-14 14.5-14.500C20 14 15 19 8.5 19H5z"/><path d="M5 19c2.5-4.5 5.5-7.3 9.5-9.5"/>`,
	"lock":    `<rect x="5.5" y="10.5" width="13" height="9.5" rx="2"/><path d="M8.5 10.500V8a3.5 3.5 0 0 1 7 0v2.5"/>`,
	"switch":  `<path d="M4 8.500h14.500M15 5l3.5 3.500L15 12"/><path d="M20 15.500H5.500M9 12l-3.5 3.500L9 19"/>`,
	"out":     `<path d="M13.5 4.500H6v15h7.5"/><path d="M10.5 12h9.500M16.5 8.5 20 12l-3.5 3.5"/>`,
}

// icon returns an icon that is hidden from screen readers, which read the words beside it.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + icons[name] + `</svg>`) //nolint:gosec // the icons are constants
}
