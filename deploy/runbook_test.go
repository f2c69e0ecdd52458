package deploy_test

import (
	"regexp"
	"strings"
	"testing"
)

// Every alert leads to a section that a person can follow, and no section is of an
// alert that is gone.
func TestEveryAlertHasItsSectionInTheRunbook(t *testing.T) {
	t.Parallel()
	sections := make(map[string]string)
	for _, s := range strings.Split(string(read(t, "RUNBOOK.md")), "\n## ")[1:] {
		name, body, _ := strings.Cut(s, "\n")
		sections[name] = body
	}
	for _, a := range alerts(t) {
		body, ok := sections[a.Alert]
		if !ok {
			t.Errorf("%s has no section in RUNBOOK.md", a.Alert)
		}
		delete(sections, a.Alert)
		at := 0
		for _, part := range []string{"**Symptom.**", "**Families see", "**First command**", "```sh\ndossiersync ", "**Look for", "**Do.**", "**Over**"} {
			i := strings.Index(body[at:], part)
			if i < 0 {
				t.Errorf("%s: its section lacks %q, or has it in another order", a.Alert, part)
				break
			}
			at += i
		}
		if want := "deploy/RUNBOOK.md#" + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", a.Alert, a.Annotations["runbook_url"], want)
		}
		if s := a.Labels["severity"]; s != "page" && s != "ticket" || a.Annotations["summary"] == "" {
			t.Errorf("%s: severity %q, summary %q", a.Alert, s, a.Annotations["summary"])
		}
	}
	for name := range sections {
		if strings.Contains(name, " ") {
			continue // of something that no alert reports
		}
		t.Errorf("RUNBOOK.md has a section %s, and there is no such alert", name)
	}
}

func TestLinksOfTheRunbookLeadSomewhere(t *testing.T) {
	t.Parallel()
	text := string(read(t, "RUNBOOK.md"))
	for _, m := range regexp.MustCompile(`\]\(#([a-z]+)\)`).FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`(?mi)^## ` + m[1] + `$`).MatchString(text) {
			t.Errorf("there is no section #%s", m[1])
		}
	}
}
