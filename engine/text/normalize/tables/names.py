"""Titles, places, addresses, and the names and nouns that tell how a number behind them is read."""

from __future__ import annotations

TITLES = {  # with a dot and before a name
    "Gen": "General",
    "Col": "Colonel",
    "Lt": "Lieutenant",
    "Maj": "Major",
    "Adm": "Admiral",
    "Cmdr": "Commander",
    "Cpl": "Corporal",
    "Pvt": "Private",
    "Sgt": "Sergeant",
    "Capt": "Captain",
    "Brig": "Brigadier",
    "Sen": "Senator",
    "Rep": "Representative",
    "Pres": "President",
    "Gov": "Governor",
    "Amb": "Ambassador",
    "Sec": "Secretary",
    "Rev": "Reverend",
    "Fr": "Father",
    "Br": "Brother",
    "Hon": "Honorable",
    "Supt": "Superintendent",
    "Insp": "Inspector",
    "Det": "Detective",
    "Atty": "Attorney",
    "Messrs": "Messieurs",
    "Mme": "Madame",
    "Mlle": "Mademoiselle",
    "Mt": "Mount",
    "Mts": "Mountains",
    "Ft": "Fort",
    "Pt": "Point",
    "Ste": "Sainte",
}
STREETS = {  # behind a number and a name
    "Dr": "drive",
    "Ave": "avenue",
    "Av": "avenue",
    "Rd": "road",
    "Blvd": "boulevard",
    "Ln": "lane",
    "Ct": "court",
    "Pl": "place",
    "Sq": "square",
    "Ter": "terrace",
    "Cir": "circle",
    "Pkwy": "parkway",
    "Hwy": "highway",
    "St": "street",
}
STREET_NAMES = (
    "Street|Drive|Avenue|Road|Boulevard|Lane|Court|Place|Square|Terrace|Circle|Parkway|Highway|Way|Broadway|Row|Trail"
)
DIRECTIONS = {
    "N": "north",
    "E": "east",
    "S": "south",
    "W": "west",
    "NE": "northeast",
    "NW": "northwest",
    "SE": "southeast",
    "SW": "southwest",
}
BEFORE_NUMBERS = {  # before a number
    "apt": "apartment",
    "bldg": "building",
    "rm": "room",
    "fl": "floor",
    "ste": "suite",
    "rte": "route",
    "rt": "route",
    "hwy": "highway",
    "ext": "extension",
    "pp": "pages",
    "p": "page",
    "pg": "page",
    "pgs": "pages",
    "fig": "figure",
    "figs": "figures",
    "ch": "chapter",
    "chap": "chapter",
    "sec": "section",
    "sect": "section",
    "art": "article",
    "para": "paragraph",
    "eq": "equation",
    "tab": "table",
    "app": "appendix",
    "vol": "volume",
    "vols": "volumes",
    "ed": "edition",
    "ep": "episode",
    "no": "number",
    "nos": "numbers",
    "nr": "number",
    "qty": "quantity",
    "op": "opus",
    "sc": "scene",
    "cl": "clause",
    "bk": "book",
    "pt": "part",
    "v": "versus",
}
PAIRED = (  # what the number behind is read in pairs of digits for
    "highway|route|interstate|room|suite|flight|boeing|airbus|bus|apartment|gate|exit|rtx|gtx|"
    "studio|channel|area|train|unit"
)
STATES = {
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "FL": "Florida",
    "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
    "DC": "D C",
}
ROYAL = (  # names behind which a Roman number is an ordinal
    "Henry|Louis|Charles|George|Elizabeth|Edward|James|William|Richard|Paul|Pius|Benedict|Napoleon|Philip|Frederick|Mary|"
    "Catherine|Peter|Alexander|Nicholas|Francis|Ivan|Leo|Gregory|Otto|Wilhelm|Margaret|Felipe|Carlos|Ramses|Ramesses|"
    "Ptolemy|Darius|Xerxes|Innocent|Clement|Urban|Boniface|Alfonso|Gustav|Christian|Harald|Haakon|Karl|Friedrich|"
    "Ferdinand|Maximilian|Leopold|Umberto|Victoria|Juan Carlos|Rama|Mehmed|Suleiman|Harold|Malcolm|Edmund|Stephen"
)
RULERS = "King|Queen|Pope|Emperor|Empress|Tsar|Czar|Sultan|Prince|Pharaoh"  # before a name: so is any number behind it
NUMBERED = (
    "chapter|part|act|scene|volume|section|war|phase|type|book|level|appendix|article|bowl|rocky|mark|title|tier|class|"
    "stage|grade|division|round|step|table|figure|episode|season|group|unit|canto|line|version|class|category"
)
NUMBERED_PLACES = (  # behind which a number may end in a letter
    "apartment|apt|route|highway|suite|unit|room|building|gate|seat|row|flat|floor|terminal|platform|exit|lot|bay|pier|hall|track|stop|number"
)
