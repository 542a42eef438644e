package people

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"portillon/internal/rehearsal/store"
)

// invented are the most common names of France, combined by counting: whoever they add up
// to is nobody.
const (
	inventedGiven = `Emma Jade Louise Alice Chloé Léna Manon Inès Zoé Camille Lucie Eva Élodie Agathe Juliette Margaux Noémie
Anaïs Maëlys Clémence Aïcha Fatou Linh Solène Gaëlle Léa Sarah Nina Hélène Jeanne
Gabriel Raphaël Léo Louis Lucas Adam Hugo Jules Arthur Nathan Théo Noé Ethan Paul Tom Maël Sacha Éliott Timothée Baptiste
Mohamed Yanis Kévin François Loïc Benoît Émile Cédric Jérôme Ibrahim`
	inventedFamily = `Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux David
Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefebvre Faure André Mercier Blanc Guérin
Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry Roussel Mathieu Gautier Masson
Marchand Duval Denis Dumont Marie Lemaire Noël Meyer Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard
Barbier Arnaud Martinez Gérard Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud
Dumas Lacroix Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume Lecomte Diallo Nguyen Traoré
Benali Haddad Da·Silva Le·Gall Œuvrard D’Hondt`
)

// StormPerson invents the i-th person of the storm, from 1: always the same one.
func StormPerson(i int) store.Person {
	given, family := strings.Fields(inventedGiven), strings.FieldsFunc(inventedFamily, unicode.IsSpace)
	born := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, (i*37)%1460)
	return store.Person{
		Given: given[(i*7)%len(given)], Family: strings.ReplaceAll(family[(i*11+i/len(family))%len(family)], "·", " "),
		Birth: born.Format(time.DateOnly), StudentNumber: fmt.Sprintf("3%07d", i), Email: StormAddress(i),
	}
}
