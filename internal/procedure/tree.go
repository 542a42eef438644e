package procedure

// ID names a page of the decision tree.
type ID string

// The pages. The numbers are the guide's.
const (
	Choose    ID = "choose"    // which of the guide's reasons is it?
	Address   ID = "address"   // procedure 1: is the address exactly the cockpit's?
	Correct   ID = "correct"   // it is not: have it corrected
	Code      ID = "code"      // procedure 1-suite: right address, wrong password
	Secondary ID = "secondary" // procedures 2 and 3: is a secondary address there already?
	Use       ID = "use"       // procedure 2: it is
	Add       ID = "add"       // procedure 3: it is not
	UseCode   ID = "usecode"   // procedures 2 and 3, the next page: a code to the secondary address
	Phone     ID = "phone"     // no usable phone
	Account   ID = "account"   // the password was never created
	Tablet    ID = "tablet"    // a broken tablet
	Call      ID = "call"      // what to have checked before calling, and whom to call
)

// Goal is where an answer that leaves the help leads.
type Goal string

// The goals.
const (
	GoalScreen  Goal = "screen"  // back to the screen the help was opened on
	GoalAddress Goal = "address" // to the e-mail's field, where another address is typed
)

// Thing is what a page shows beside its words.
type Thing string

// The things.
const (
	ThingNone     Thing = ""
	ThingAddress  Thing = "address"  // the address as typed, its signs named
	ThingSlot     Thing = "slot"     // the next update of addresses, counted down to
	ThingPortal   Thing = "portal"   // where an account is set up, as text and QR code
	ThingContacts Thing = "contacts" // the centre's number, then UNESS's
)

// Answer is one way on from a page: to another page, or, where To is empty, out of
// the help.
type Answer struct {
	Label string // key in the translation files
	To    ID
	Goal  Goal // only where To is empty
}

// Page is one question or one list of things to do, in order. Texts are keys of
// the translation files.
type Page struct {
	ID    ID
	Name  string // what the guide on paper calls it; empty: nothing
	Title string
	Lead  string   // a sentence before the steps; may be empty
	Steps []string // done one after the other, numbered from 1
	// Cockpit: something is done or looked up in the cockpit, which is not on
	// this tablet; the page says where it is.
	Cockpit bool
	Shows   Thing
	// Answers are the ways on, the likeliest first. «Retour» and the way out of
	// the help stand on every page and are not among them.
	Answers []Answer
}

// Pages is the decision tree of «Urgence examen».
func Pages() []Page {
	return append([]Page{choose(), address(), correct(), code()}, append(secondaries(), others()...)...)
}

// Find is the page of a name.
func Find(id ID) (Page, bool) {
	for _, p := range Pages() {
		if p.ID == id {
			return p, true
		}
	}
	return Page{}, false
}

func choose() Page {
	return Page{ID: Choose, Title: "help.choose.title", Answers: []Answer{
		{Label: "help.choose.address", To: Address},
		{Label: "help.choose.password", To: Code},
		{Label: "help.choose.mailbox", To: Secondary},
		{Label: "help.choose.account", To: Account},
		{Label: "help.choose.phone", To: Phone},
		{Label: "help.choose.tablet", To: Tablet},
		{Label: "help.choose.call", To: Call},
	}}
}

func address() Page {
	return Page{ID: Address, Name: "help.name.1", Title: "help.address.title", Shows: ThingAddress, Cockpit: true,
		Steps: []string{"help.address.cockpit", "help.address.compare"},
		Answers: []Answer{
			{Label: "help.address.different", To: Correct},
			{Label: "help.address.refused", To: Code},
			{Label: "help.address.unknown", To: Secondary},
		}}
}

func correct() Page {
	return Page{ID: Correct, Name: "help.name.1", Title: "help.correct.title", Shows: ThingAddress,
		Steps: []string{"help.correct.type", "help.correct.beware"},
		Answers: []Answer{
			{Label: "help.correct.done", Goal: GoalAddress},
			{Label: "help.correct.fails", To: Secondary},
		}}
}

func code() Page {
	return Page{ID: Code, Name: "help.name.1b", Title: "help.code.title",
		Steps: []string{"help.code.address", "help.code.request", "help.code.phone", "help.code.enter"},
		Answers: []Answer{
			{Label: "help.code.done", Goal: GoalScreen},
			{Label: "help.code.mailbox", To: Secondary},
			{Label: "help.code.nophone", To: Phone},
		}}
}

// secondaries are procedures 2 and 3.
func secondaries() []Page {
	return []Page{
		{ID: Secondary, Name: "help.name.23", Title: "help.secondary.title", Cockpit: true,
			Steps: []string{"help.secondary.open", "help.secondary.look"},
			Answers: []Answer{
				{Label: "help.secondary.yes", To: Use},
				{Label: "help.secondary.no", To: Add},
			}},
		{ID: Use, Name: "help.name.2", Title: "help.use.title",
			Steps: []string{"help.use.address", "help.use.code"},
			Answers: []Answer{
				{Label: "help.use.done", Goal: GoalAddress},
				{Label: "help.use.fails", To: UseCode},
			}},
		{ID: Add, Name: "help.name.3", Title: "help.add.title", Shows: ThingSlot, Cockpit: true,
			Steps: []string{"help.add.cockpit", "help.add.wait", "help.add.address", "help.add.code"},
			Answers: []Answer{
				{Label: "help.use.done", Goal: GoalAddress},
				{Label: "help.use.fails", To: UseCode},
			}},
		{ID: UseCode, Name: "help.name.23", Title: "help.usecode.title",
			Steps: []string{"help.usecode.address", "help.code.request", "help.usecode.phone", "help.code.enter"},
			Answers: []Answer{
				{Label: "help.use.done", Goal: GoalAddress},
				{Label: "help.code.nophone", To: Phone},
				{Label: "help.usecode.fails", To: Call},
			}},
	}
}

// others are what no procedure of the guide has a number for.
func others() []Page {
	return []Page{
		{ID: Phone, Title: "help.phone.title",
			Steps: []string{"help.phone.charge", "help.phone.office"},
			Answers: []Answer{
				{Label: "help.phone.done", Goal: GoalScreen},
				{Label: "help.phone.fails", To: Secondary},
			}},
		{ID: Account, Title: "help.account.title", Shows: ThingPortal,
			Steps: []string{"help.account.phone", "setup.step1", "setup.step2", "setup.step3"},
			Answers: []Answer{
				{Label: "help.account.done", Goal: GoalScreen},
				{Label: "help.account.fails", To: Call},
			}},
		{ID: Tablet, Title: "help.tablet.title",
			Steps: []string{"help.tablet.spare", "help.tablet.login", "help.tablet.off"},
			Answers: []Answer{
				{Label: "help.tablet.fails", To: Call},
			}},
		{ID: Call, Name: "help.name.call", Title: "help.call.title", Lead: "help.call.lead", Shows: ThingContacts,
			Steps: []string{"help.call.address", "help.call.secondary", "help.call.code"}},
	}
}

// Situation is what the tablet knows when the help is opened.
type Situation struct {
	Typed   bool // there is an address to compare
	Unknown bool // the service does not know the address
	// NoPassword: the account's password was never created.
	NoPassword bool
	// WrongPasswords and ExpiredCodes count for the address typed.
	WrongPasswords, ExpiredCodes int
	CodeSent                     bool // a code was asked for
	Broken                       bool // this tablet lets nobody in, or its exam broke off
	Unreachable                  bool // the service, or the network before it
}

// From these counts on a password is taken for forgotten, and a mailbox for one
// that cannot be read.
const (
	EnoughWrongPasswords = 2
	EnoughExpiredCodes   = 2
)

// Start is the page that fits a situation. What concerns the tablet goes before what
// concerns the person: no address helps while the tablet reaches nobody.
func Start(s Situation) ID {
	switch {
	case s.Broken:
		return Tablet
	case s.Unreachable:
		return Call
	case s.ExpiredCodes >= EnoughExpiredCodes:
		return Secondary
	case s.NoPassword:
		return Account
	case s.WrongPasswords >= EnoughWrongPasswords, s.CodeSent:
		return Code
	case s.Unknown, s.Typed:
		return Address
	}
	return Choose
}
