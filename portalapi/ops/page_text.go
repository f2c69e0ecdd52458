package ops

import "dossiersync/portalapi/web"

// This file holds the console's English sentences about results and faults. The Dutch titles of
// problems, for the API, are in package web.

// failures has the title and text of the page for each type of problem.
var failures = map[web.ProblemType][2]string{
	web.NotFound: {"Not found", "This does not exist, or you may not see it."},
	web.NotAllowed: {"Not allowed", "You may not do this. Which tenants and rights you have is set under ops.users; " +
		"without users, the console is reached as localhost only, and never from another website."},
	web.MethodNotAllowed: {"Not possible", "This address cannot be asked in this way."},
	web.InvalidParameter: {"Not understood", "Something in the address or in the form cannot be read."},
	web.TooLarge:         {"Too large", "The form holds too much."},
	web.UnsupportedMedia: {"Not understood", "This is not a form of the console."},
	web.Unavailable:      {"Not now", "The database does not answer, or this cannot be logged. Try again in a moment."},
}

var otherFailure = [2]string{"Something went wrong", "The log says more. Try again in a moment."}

// fieldFaults has the text for each wrong field of a form.
var fieldFaults = map[string]string{
	"client": "This cannot be a client's id: letters, digits, dots and dashes only.",
	"user":   "This cannot be a user.",
	"stream": "There is no such stream.",
	"from":   "Give a date such as 2026-03-01, or ask for everything from the beginning, not both.",
	"to":     "Give a date such as 2026-03-01 that is not before the first.",
	"item":   "Give the item's id in the portal, or TYPE/ID of the source. Name a client in the other field.",
	"target": "Name a client or an item, not both.",
	"days":   "Give a number of days from 1 to 366.",
	"reason": "Say why in one line of 500 characters at most.",
}

// The login page's faults.
const (
	wrongTokenText    = "No user has this token."
	tooManyTokensText = "No user has this token, and your address has tried too many such tokens. Wait half a minute."
)

// notices has the text about the previous action, by the parameter told of the page that shows it.
var notices = map[string]string{
	"asked": "The run is requested.", "waits": "A run of the same scope was already waiting: this one.",
	"cancelled": "The run is asked to stop.", "ended": "The run had already ended.",
	"discarded": "The item is discarded.",
	"approve":   "Approved: the next run carries this out.", "keep": "Kept as they are.", "reopen": "Held again.",
	"withheld": "Withheld: nothing of it is in any answer from now on.", "released": "Released: readers may see it again.",
	"acknowledged": "It is recorded that this is known.", "over": "This is over already.",
	"changed": "This has changed or grown since the page was shown: look again.",
	"unclear": "Nothing was recorded: say what you know in one line of 500 characters at most, and give a day within a year.",
}
