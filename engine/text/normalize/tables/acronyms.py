"""Words in capitals: which are words, which are spelled."""

from __future__ import annotations

SPOKEN_ACRONYMS = {  # read in their own way
    "OK": "okay",
    "JPEG": "jay peg",
    "JPG": "jay peg",
    "SQL": "sequel",
    "WIFI": "wifi",
    "AIDS": "aids",
    "TV": "t v",
    "ID": "i d",
    "PS": "p s",
    "CTRL": "control",
    "ALT": "alt",
    "ESC": "escape",
    "DEL": "delete",
}
EITHER = frozenset(("US", "IT", "WHO", "AM"))  # words among other capitals, else spelled
_SPELLED = (  # long enough to look like words, and are none
    "UCLA IEEE OECD NAACP ACLU AARP ICAO IATA YMCA BYOB HTTP HTTPS HTML ASCII ISBN UEFA FAQS ESPN AMEX IPTV API APIS "
    "URLS CEOS ATMS MBAS USSR USDA USPS UNHCR NYPD LAPD OSHA EBITDA IRAS DVLA EULA EPUB EBIT ECMA GDPR HIPAA ETFS IOS "
    "NCAA CIAO HVAC AWOL DIY FYI ETA USA IPA CIA NSA ISP UPS USB IRA EPA FDA GPA IPO ATM AKA DOA IED IUD MRI OCD UFO "
    "VIP IQ EQ AI IT UI UX UV EV EU UN UK UAE IBM AOL AMA APA ABA MLA IOU OJ LEED IEC IETF UTC USAF USMC UNCF AFAIK "
    "IIRC TIA IMO IMHO EOD EOM EOF SSID IMEI ISO IMAP SMTP UUID GUID AJAX ICU INR EUR AUD CIO COO CTO CFO SUV MOU "
    "KPI KPIS OKR OKRS ROI CRM ERP SEO SAAS ADHD PTSD COPD AAA BAE BMI EKG ECG EEG OMG IDK BRB BTW TTYL TBA TBD EOS "
    "CEO IRS FBI NBA NRA DEA EMT FAA GOP HOA HBO IVF MIT MIA NIH UAW USC VIN CPA GED DOE DOJ"
)
SPELLED_ACRONYMS = frozenset(_SPELLED.split()) - {"SAAS", "AJAX", "CIAO", "HIPAA", "OSHA", "AWOL", "LEED"}
_WORDS = (  # up to three letters: words, also where nothing else is in capitals; and acronyms that are read as words
    "a act add age ago ah ahh aid aim air all am an and ant any app arc are ark arm art as ask at ate ave "
    "aw awe aww axe aye bad bag bam ban bar bat bay be bed bee beg bet bid big bin bit bon boo bot bow box boy bra "
    "bro bud bug bum bus but buy by bye cab cam can cap captcha car cat cod con cop covid cow cry cuda cue cup "
    "cut cuz dad dam day den did die dig dim dip do doc doe dog dom dot dow dry dub due dug duh duo dye ear eat egg "
    "ego eh elf end era eye fan far fat fax fed fee few fifa fig fin fit fix flu fly fog for fox fry fun fur gal "
    "gap gas gay gel gem get gif gig gin gnu go god got gum gun gus gut guy gym ha had ham has hat hay he her "
    "hey hi hid him hip his hit hmm ho hop hot how hug huh hut i ice if ill in ing ink inn is ivy jam jar jaw "
    "jet jew jin job joy json kay key kid kit lab lad lag lap laser law lay led lee leg let lid lie lip lit lo "
    "log lot low ma mad man map mat max may me men met mid min mix mm mob mom mon mud mug mum my na nafta nah nap nasa "
    "nato net new no nod not now nun nut oak odd of off oh oil ok old on one ooh opec or ore our out owe owl own oz "
    "pad pal pan par pay pee pen per pet pic pie pig pin pit pop pot pro pub pup put radar ram ran rap rat raw rec "
    "red rid rig rim rip rod rom rot row rub rug rum run sad saw say scuba sea see set sex she shy sim sin sip "
    "sir sis sit six ski sky so sol son sonar sox soy spa spy sub sum sun swat tab tag tan tap tar tax tea ten the "
    "tho thy tie tin tip to toe ton too top tow toy try tub two ugh unesco unicef up use via wan war was wax way we "
    "web wed wee wet why wifi wig win wit won woo wow yay yea yen yep yes yet yo yolo you yup zip zoo "
)
CAPITAL_WORDS = frozenset(_WORDS.split())
