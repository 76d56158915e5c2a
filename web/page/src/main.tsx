import {render} from "preact";

import {App} from "./components/app";
import {passOverSecondClicks} from "./components/second_clicks";
import {answerQuestions} from "./search/answer";
import {followForgetting} from "./search/forgetting";
import {keepPreferences} from "./state/preferences";
import {followAddress} from "./state/route";
import {connect} from "./state/service";
import "./styles/page.css";

keepPreferences();
followAddress();
answerQuestions();
passOverSecondClicks();
followForgetting();
void connect();
render(<App />, document.getElementById("page")!);
