package wire

// DemoPath is where a demonstration's service, and only that, says what a storm needs to
// know. It is not part of the protocol.
const DemoPath = "/.well-known/rehearsal-demo"

// Demo is the document at DemoPath. All of it is public.
type Demo struct {
	// Mailbox is the address of the mailbox's pages and of its /api/messages.
	Mailbox string `json:"mailbox"`
	// Accounts for storms: AddressFormat with the numbers 1 to Accounts, one password.
	AddressFormat string `json:"address_format"`
	Accounts      int    `json:"accounts"`
	Password      string `json:"password"`
}
