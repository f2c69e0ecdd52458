package cases

import "time"

// on is a report whose date is written like that.
func (m *maker) on(suffix, date string) Write {
	return m.report(suffix, "Geschreven met "+date+".", object{"effectiveDateTime": date, "issued": nil})
}

func (m *maker) dstNights() {
	m.start("reports are of the nights in which the clock changes",
		m.on("maart-voor", "2025-03-30T01:59:59+01:00"), m.on("maart-na", "2025-03-30T03:00:00+02:00"),
		m.on("maart-nooit", "2025-03-30T02:30:00+02:00"), // a local time that did not exist
		m.on("oktober-zomer", "2025-10-26T02:30:00+02:00"), m.on("oktober-winter", "2025-10-26T02:30:00+01:00"),
		m.on("oktober-zonder", "2025-10-26T02:30:00"), m.on("oktober-dag", "2025-10-26"))
}

func (m *maker) partialDates() {
	m.start("reports have dates of every precision",
		m.on("jaar", "2024"), m.on("maand", "2024-02"), m.on("dag", "2024-02-29"),
		m.on("minuut", "2024-02-29T14:30+01:00"),
		m.on("fractie", "2024-02-29T14:30:00.123456+01:00"),
		m.report("periode", "Een nacht.", object{"effectiveDateTime": nil, "issued": nil,
			"effectivePeriod": object{"start": "2024-02-28", "end": "2024-02-29"}}),
		m.report("open-periode", "Tot aan een dag.",
			object{"effectiveDateTime": nil, "issued": nil, "effectivePeriod": object{"end": "2024-02-29"}}),
		m.report("geen", "Zonder datum.", object{"effectiveDateTime": nil, "issued": nil}),
		m.client("", object{"birthDate": "1940"}))
}

func (m *maker) noOffset() {
	m.start("reports have times without an offset", m.on("winter", "2025-01-15T07:00:00"),
		m.on("zomer", "2025-07-01T07:00:00"))
}

func (m *maker) winterInSummer() {
	m.start("reports have the offset of winter in summer", m.on("verslag", "2025-07-01T07:00:00+01:00"),
		m.on("utc", "2025-07-01T06:00:00Z"))
}

func (m *maker) leapSecond() {
	m.start("reports have a sixtieth second and an hour 24", m.on("utc", "2016-12-31T23:59:60Z"),
		m.on("lokaal", "2025-06-30T23:59:60+02:00"),
		m.on("middernacht", "2025-06-30T24:00:00+02:00"))
}

// wrongClock has a report with a lastUpdated in the future, and one with a lastUpdated in the past.
func (m *maker) wrongClock() {
	ahead, behind := m.report("voor", "Geschreven terwijl de klok voorliep."),
		m.report("achter", "Geschreven terwijl de klok achterliep.")
	ahead.Shift, behind.Shift = 2*time.Hour, -40*24*time.Hour
	m.start("the source's clock is two hours fast, then forty days slow", ahead, behind)
	m.step("the clock is right, and a report is corrected",
		m.report("voor", "Geschreven terwijl de klok voorliep; nagekeken.", object{"status": "corrected"}))
}
