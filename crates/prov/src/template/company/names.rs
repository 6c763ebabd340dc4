//! Names that people have in the three countries, with those of the people who came there. All are made up by chance.

/// Given names by country: France, Germany, the United States.
pub(super) const GIVEN: [&[&str]; 3] = [
    &[
        "Camille", "Élodie", "Chloé", "Inès", "Manon", "Léa", "Jeanne", "Aurélie", "Noémie", "Anaïs", "Anne-Marie", "Marie-Claire",
        "Françoise", "Sylvie", "Nathalie", "Zoé", "Maëlys", "Fatou", "Aïcha", "Yasmine", "Leïla", "Awa", "Thi Mai", "Agnieszka",
        "Jean", "Jean-Baptiste", "Jean-Luc", "François", "Étienne", "Rémi", "Loïc", "Théo", "Hugo", "Mathéo", "Gaëtan", "Benoît",
        "Jérôme", "Cédric", "Stéphane", "Olivier", "Antoine", "Mehdi", "Karim", "Youssef", "Mamadou", "Ousmane", "Minh", "Tiago",
        "Lucas", "Nicolas", "Guillaume", "Pierre-Yves", "Adèle", "Clémence", "Solène", "Maxime", "Bastien", "Quentin", "Nadia", "Samir",
    ],
    &[
        "Anna", "Lena", "Katrin", "Jürgen", "Günther", "Björn", "Sören", "Jörg", "Käthe", "Ursula", "Heike", "Sabine", "Claudia",
        "Annika", "Franziska", "Maximilian", "Felix", "Jonas", "Lukas", "Paul", "Tobias", "Florian", "Sebastian", "Matthias", "Andreas",
        "Karl-Heinz", "Hans-Peter", "Anne-Kathrin", "Ayşe", "Gülşen", "Mehmet", "Emre", "Çağlar", "Zeynep", "Małgorzata", "Paweł",
        "Łukasz", "Grzegorz", "Olga", "Dmitri", "Svetlana", "Jovana", "Miloš", "Željko", "Ana", "Linh", "Priya", "Rahul", "Giulia",
        "Niamh", "Moritz", "Theresa", "Johanna", "Elif", "Stefan", "Birgit", "Uwe", "Mareike", "Nils", "Ingrid",
    ],
    &[
        "Emily", "Madison", "Ashley", "Jessica", "Brittany", "Aaliyah", "Imani", "Keisha", "Destiny", "Grace", "Hannah", "Abigail",
        "Michael", "Christopher", "Joshua", "Tyler", "Brandon", "DeShawn", "Jamal", "Malik", "Tyrone", "Connor", "Liam", "Patrick",
        "José", "María", "Guadalupe", "Jesús", "Ximena", "Sofía", "Andrés", "Raúl", "Wei", "Li", "Xiu Ying", "Jun", "Hiroshi", "Yuki",
        "Min-jun", "Ji-woo", "Soo-jin", "Arjun", "Ananya", "Deepika", "Sanjay", "Vikram", "Nguyệt", "Tuấn", "Siobhán", "Seán",
        "Olu", "Chidi", "Ngozi", "Kwame", "Rebecca", "Daniel", "Rachel", "Ethan", "Mary Ann", "Noah", "Anna-Lise", "Luis",
    ],
];

/// Family names by country, in the same order.
pub(super) const FAMILY: [&[&str]; 3] = [
    &[
        "Martin", "Bernard", "Dubois", "Durand", "Lefèvre", "Lefebvre", "Moreau", "Girard", "Roux", "Fournier", "Mercier", "Dupont",
        "Dupont-Moretti", "d'Aubigné", "d'Hérouville", "L'Hermitte", "de La Fontaine", "Le Goff", "Le Guen", "Kerguelen", "Guérin",
        "Béranger", "Château", "Hébert", "Noël", "Pelletier", "Gauthier", "Perrin", "Clément", "Besson", "N'Diaye", "M'Bala", "Traoré",
        "Diallo", "Benali", "Ben Youssef", "El Amrani", "Haddad", "Belkacem", "Nguyen", "Trần", "Lê", "Kowalczyk", "Ferreira",
        "Da Silva", "García", "Rossi", "Garnier", "Chevalier", "Rousseau", "Blanchard", "Marchand", "Barbier", "Renaud", "Lacroix",
        "Saint-Exupère", "Leclerc", "Boucher", "Fabre", "Vidal", "Caron", "Roger", "Masson", "Dumas", "Picard",
    ],
    &[
        "Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker", "Schulz", "Hoffmann", "Schäfer", "Koch",
        "Bauer", "Richter", "Klein", "Wolf", "Schröder", "Neumann", "Schwarz", "Zimmermann", "Krüger", "Köhler", "Groß", "Weiß",
        "Müller-Lüdenscheidt", "Meyer-Förster", "von der Heide", "von Arnim", "zu Löwenstein", "Jäger", "Vögele", "Böhm", "Özdemir",
        "Yılmaz", "Çelik", "Şahin", "Kaya", "Demir", "Öztürk", "Kowalski", "Nowak", "Wiśniewska", "Wójcik", "Petrov", "Iwanowa",
        "Jovanović", "Horvat", "Kovačević", "Novák", "Papadopoulos", "Bianchi", "Nguyen", "Sharma", "Rao", "O'Connor", "Lindström",
        "Lang", "Vogt", "Brandt", "Huber", "Roth", "Keller", "Seidel", "Ziegler", "Engel",
    ],
    &[
        "Smith", "Johnson", "Williams", "Brown", "Jones", "Miller", "Davis", "Wilson", "Anderson", "Taylor", "Thomas", "Moore",
        "Jackson", "Lee", "Washington", "Jefferson", "Freeman", "O'Neill", "O'Brien", "McCarthy", "MacDonald", "Fitzgerald", "Kelly",
        "García", "Rodríguez", "Martínez", "Hernández", "López", "González", "Peña", "Núñez", "García-Márquez", "De La Cruz", "Chen",
        "Wang", "Liu", "Zhang", "Nguyen", "Tran", "Phạm", "Kim", "Park", "Choi", "Tanaka", "Watanabe", "Suzuki", "Patel", "Singh",
        "Gupta", "Krishnamurthy", "Okafor", "Adeyemi", "Mensah", "Cohen", "Goldberg", "Rosenberg", "Kaplan", "Novak", "Schmidt",
        "Rossi", "Smith-Jones", "St. John", "Van Buren", "Johansson", "Baker",
    ],
];
